"""A lab full of simulated kits on ptys, and the room's file and program library that go with it."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from classroom_profiles.room import Room
from firmware_bridge.fleet.kits import Kit, kits_of
from firmware_bridge.programs import Bundle
from simulators.firmata import FirmataBoard
from simulators.micropython import MicroPythonBoard

Board = FirmataBoard | MicroPythonBoard

RUNS = b"import gears\nimport time\nwhile True:\n  time.sleep(0.01)\n"
GEARS = b"SPEED = 40\n" + b"# so long that it takes several pieces to send\n" * 200
QUICK: dict[str, Any] = {"boot_s": 5.0, "answer_s": 5.0, "poll_s": 5.0}


def bundle(version: str = "1.0", **files: bytes) -> Bundle:
    return Bundle("line-follower", version, "line.py", {"line.py": RUNS, "gears.py": GEARS, **files})


@dataclass(slots=True)
class Lab:
    """The kits by id, in the order of the room."""

    directory: Path
    boards: dict[str, Board] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def room_file(self) -> Path:
        file = self.directory / "room.yaml"
        room = self._written()
        file.write_text(yaml.safe_dump(room, allow_unicode=True), encoding="utf-8")
        return file

    @property
    def room(self) -> Room:
        return Room.model_validate(self._written())

    @property
    def kits(self) -> tuple[Kit, ...]:
        return kits_of(self.room)

    def micropython(self, kit: str) -> MicroPythonBoard:
        board = self.boards[kit]
        assert isinstance(board, MicroPythonBoard)
        return board

    def firmata(self, kit: str) -> FirmataBoard:
        board = self.boards[kit]
        assert isinstance(board, FirmataBoard)
        return board

    def library(
        self, version: str = "1.0", firmware: str = ">=1.20,<2", more: Mapping[str, bytes] | None = None
    ) -> Path:
        """A folder with one program."""
        folder = self.directory / "library"
        folder.mkdir(exist_ok=True)
        program = bundle(version, **(more or {}))
        hashes = {}
        for name, content in program.files.items():
            (folder / name).write_bytes(content)
            hashes[name] = hashlib.sha256(content).hexdigest()
        entry = {"name": program.name, "version": version, "firmware": firmware, "main": program.main, "files": hashes}
        (folder / "library.yaml").write_text(yaml.safe_dump({"programs": [entry]}), encoding="utf-8")
        return folder

    def _written(self) -> dict[str, Any]:
        devices = []
        for kit, board in self.boards.items():
            driver = "micropython" if isinstance(board, MicroPythonBoard) else "firmata"
            options = {"port": board.port, **QUICK, **self.options.get(kit, {})}
            if driver == "firmata":
                options["lamp"] = 13
            else:
                options["settle_s"] = 0.1
            written = {"id": kit, "role": "robot-kit", "driver": driver, "options": options}
            written |= {"group": self.groups[kit]} if kit in self.groups else {}
            devices.append(written | ({"name": self.names[kit]} if kit in self.names else {}))
        return {"school": "s", "room": "lab", "name": {"vi": "Lab", "en": "Lab"}, "devices": devices}


@contextlib.asynccontextmanager
async def lab(
    directory: Path, *, micropython: int = 0, firmata: int = 0, faults: Mapping[str, str] | None = None
) -> AsyncIterator[Lab]:
    """Kits `mp-01`… and `fi-01`…, all plugged in, with the faults given by kit."""
    made = Lab(directory)
    async with contextlib.AsyncExitStack() as stack:
        for number in range(1, micropython + 1):
            kit = f"mp-{number:02}"
            given = [(faults or {})[kit]] if kit in (faults or {}) else []
            made.boards[kit] = await stack.enter_async_context(MicroPythonBoard(directory / f"tty-{kit}", faults=given))
        for number in range(1, firmata + 1):
            kit = f"fi-{number:02}"
            made.boards[kit] = await stack.enter_async_context(FirmataBoard(directory / f"tty-{kit}"))
        yield made
