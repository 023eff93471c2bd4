"""Write firmware to kits with avrdude, esptool or mpremote: progress, verification, a bound in time, a clear word.

A record on disk goes before the first byte and is taken away after the tool said that it verified; so no kit is ever
left half flashed in silence. One that the tool never began to write is as it was, and told so.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from firmware_bridge.errors import DeviceError, Unreachable
from firmware_bridge.fleet.flash_record import FlashRecords
from firmware_bridge.fleet.flash_tools import TOOLS, AnyFirmware, Phase, Tool
from firmware_bridge.fleet.kits import Kit
from firmware_bridge.fleet.outcome import Outcome, Progress, Report, State, Told
from firmware_bridge.transports.ports import device_of, seen

_PRINTED_MAX = 64 * 1024
_STOP_S = 3.0
_AT_ONCE = 4
"""A tool takes a good part of a core."""


class ToolMissing(LookupError):
    """The text says which package has it."""


def find_tool(name: str, path: str | None = None) -> str:
    """Where the tool is: on the PATH, or beside this Python. Raises ToolMissing."""
    beside = str(Path(sys.executable).parent)
    searched = os.pathsep.join([os.environ.get("PATH", ""), beside]) if path is None else path
    if (found := shutil.which(name, path=searched)) is None:
        raise ToolMissing(f"{name} is not installed; it comes with {TOOLS[name].package}")
    return found


async def flash(
    kits: Iterable[Kit],
    firmware: AnyFirmware,
    file: Path,
    records: FlashRecords,
    told: Told = lambda _: None,
    *,
    tool_path: str | None = None,
) -> Report:
    """Each kit's outcome. Raises ToolMissing before anything is touched."""
    program = find_tool(firmware.tool, tool_path)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(kit: Kit) -> Outcome:
        async with turn:
            outcome = await _flash(kit, firmware, file, records, told, program)
        told(Progress(kit.id, str(outcome.state), words=outcome.words))
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(kit), name=f"flashing {kit.id}") for kit in kits]
    return Report(tuple(task.result() for task in tasks))


async def _flash(
    kit: Kit, firmware: AnyFirmware, file: Path, records: FlashRecords, told: Told, program: str
) -> Outcome:
    tool, named = TOOLS[firmware.tool], f"{firmware.name} {firmware.version}"
    try:
        port = _port_of(kit)
    except DeviceError as gone:
        return Outcome(kit.id, State.FAILED, f"{gone}; nothing was written", gone.code)
    before = records.left().get(kit.id)
    try:
        records.begin(kit.id, port, named)
    except OSError as wrong:
        words = f"no record of the flashing can be written ({wrong.strerror}: {wrong.filename}); nothing was touched"
        return Outcome(kit.id, State.FAILED, words, "no-record")
    run = _Run(tool, told, kit.id)
    try:
        async with asyncio.timeout(firmware.timeout_s):
            for arguments in tool.commands(firmware, port, file):
                if await run.call([program, *arguments]) != 0:
                    break
        why = tool.why(run.printed)
        verified = run.code == 0 and tool.verified(run.printed, firmware)
        if run.code == 0 and not verified:
            why = f"{tool.name} ended well, but never said that it verified anything"
    except TimeoutError:
        verified, why = False, f"it was not done in {firmware.timeout_s:g} s, and was stopped"
    except OSError as wrong:
        verified, why = False, f"{tool.name} cannot be run: {wrong.strerror}"
    if verified:
        records.clear(kit.id)
        return Outcome(kit.id, State.DONE, program=named)
    if run.began or before is not None:
        return Outcome(
            kit.id, State.FAILED, f"{why}; its firmware may be half written until it is flashed", "half-flashed"
        )
    records.clear(kit.id)
    return Outcome(kit.id, State.FAILED, f"{why}; nothing was written, it has the firmware that it had", "not-flashed")


def half_flashed(records: FlashRecords) -> Mapping[str, str]:
    """Kit to what to say of it."""
    return {kit: flashing.words for kit, flashing in records.left().items()}


def _port_of(kit: Kit) -> str:
    """Raises Unreachable."""
    if not kit.port:
        raise Unreachable("it is on no cable")
    port = device_of(kit.port, seen())
    if not Path(port).exists():
        raise Unreachable(f"{port} is not there; is it plugged in?")
    return port


class _Run:
    """The calls of one tool for one kit."""

    def __init__(self, tool: Tool, told: Told, kit: str) -> None:
        self.printed = ""
        self.code = -1
        self.began = False
        """Whether it has begun to write."""
        self._tool = tool
        self._told = told
        self._kit = kit
        self._phase = Phase("")

    async def call(self, command: list[str]) -> int:
        """The exit code. Cancelled, it takes the tool along."""
        self._tell()
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            while data := await process.stdout.read(4096):
                self.printed = (self.printed + data.decode(errors="replace"))[-_PRINTED_MAX:]
                self._tell()
            self.code = await process.wait()
        finally:
            if process.returncode is None:
                await _end(process)
        return self.code

    def _tell(self) -> None:
        phase = self._tool.phase(self.printed)
        self.began = self.began or phase.name != "connecting"
        if phase != self._phase:
            self._phase = phase
            self._told(Progress(self._kit, phase.name, phase.percent))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the tool and what it started to stop, then insist."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await process.communicate()
                return
