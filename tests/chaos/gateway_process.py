"""A gateway of the chaos run as its tormentor has it: process, disk, line and clock, and all the lives it had."""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
import uuid
from pathlib import Path

import msgspec

from classroom_profiles.topics import Address
from tests.chaos import gateway
from tests.chaos.account import Life
from tests.chaos.disk import Disk
from tests.chaos.link import Link
from tests.chaos.torn_log import tear

_STALE_S = -400 * 86_400.0
_EVERY_S = 0.03


class GatewayProcess:
    """`start` and `kill` by turns; whoever uses it holds the lock of what he touches."""

    def __init__(self, address: Address, link: Link, disk: Disk, logs: Path, began_s: float, max_bytes: int) -> None:
        self.address = address
        self.link = link
        self.disk = disk
        self.lives: list[Life] = []
        self.finished: gateway.Finished | None = None
        self.ended_by_itself: list[int] = []
        """Exit codes of processes that nobody had killed."""
        self.process_lock = asyncio.Lock()
        self.clock_lock = asyncio.Lock()
        self.disk_lock = asyncio.Lock()
        self.link_lock = asyncio.Lock()
        self._journal = disk.directory / "journal.sqlite"
        self._log = logs / f"gateway-{address.gateway}.log"
        self._began_s = began_s
        self._max_bytes = max_bytes
        self._boot = str(uuid.uuid4())
        self._shift_s = 0.0
        self._trusted = True
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        life = Life(len(self.lives))
        told = gateway.Life(
            journal=str(self._journal),
            boot=self._boot,
            broker=f"mqtt://127.0.0.1:{self.link.port}",
            school=self.address.school,
            room=self.address.gateway,
            number=life.number,
            every_s=_EVERY_S,
            shift_s=self._shift_s,
            trusted=self._trusted,
            max_bytes=self._max_bytes,
        )
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.gateway", msgspec.json.encode(told).decode()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,  # where no write is let through, it could not write to a file either
        )
        self.disk.limit(self._process.pid)
        self.lives.append(life)
        name = f"read {self.address.gateway}"
        self._reading = asyncio.create_task(self._hear(self._process, life), name=name)

    async def kill(self) -> None:
        """As a power cut would; what it had said until then is heard."""
        if self._process is None or self._reading is None:
            return
        process, self._process = self._process, None
        if process.returncode is not None and self.finished is None:
            self.ended_by_itself.append(process.returncode)
        if process.returncode is None and self.finished is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)  # asyncio's own kill() may take the exit code from its watcher
        await process.wait()
        await self._reading
        if process.stdin is not None:
            process.stdin.close()

    async def die(self, lasts_s: float) -> None:
        await self.kill()
        await asyncio.sleep(lasts_s)
        await self.start()

    async def lose_power(self, seed: int, share: float, lasts_s: float) -> str:
        """In the middle of writing. What it left, in words."""
        await self.kill()
        try:
            at = tear(self._journal.with_name(self._journal.name + "-wal"), random.Random(seed), share)
            note = "no log to tear" if at < 0 else f"log torn at byte {at}"
        except OSError as wrong:
            note = f"log torn as far as the disk took it: {wrong.strerror}"
        self._boot = str(uuid.uuid4())
        await asyncio.sleep(lasts_s)
        await self.start()
        return note

    async def fill_disk(self, lasts_s: float, *, no_writes: bool) -> None:
        """`no_writes`: nothing at all is written, else only nothing that needs more room than there is."""
        if no_writes:
            self.disk.refuse(self._pid)
        else:
            self.disk.fill(self._pid)
        try:
            await asyncio.sleep(lasts_s)
        finally:
            self.disk.free(self._pid)

    async def jump(self, jump_s: float, lasts_s: float) -> str:
        """Its clock is wrong for a while, and it trusts it."""
        await self._show(jump_s, trusted=True)
        await asyncio.sleep(lasts_s)
        await self._show(0, trusted=True)
        return f"by {jump_s} s"

    async def lose_time(self, lasts_s: float) -> None:
        """It boots with a clock that stands where it stood long ago, and learns only later what time it is."""
        async with self.process_lock:
            await self.kill()
            self._boot = str(uuid.uuid4())
            self._shift_s, self._trusted = _STALE_S, False
            await self.start()
        await asyncio.sleep(lasts_s)
        await self.learn_time()

    async def start_in_1970(self) -> None:
        """The first boot of a board without a battery in its clock."""
        self._shift_s, self._trusted = -time.time(), False
        await self.start()

    async def learn_time(self) -> None:
        await self._show(0, trusted=True)

    async def finish(self) -> None:
        """Produce no more, and have all acknowledged; waits without end, unless the process ends."""
        await self._tell("finish")
        if self._reading is not None:
            await self._reading

    async def _show(self, shift_s: float, *, trusted: bool) -> None:
        """Set its clock so far beside the true time, now and for its next lives."""
        async with self.process_lock:
            self._shift_s, self._trusted = shift_s, trusted
            await self._tell(f"clock {shift_s} {int(trusted)}")

    @property
    def _pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(f"{line}\n".encode())
                await self._process.stdin.drain()

    async def _hear(self, process: asyncio.subprocess.Process, life: Life) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep_log(process.stderr, life), name="log")
            both.create_task(self._read(process.stdout, life), name="reports")

    async def _keep_log(self, said: asyncio.StreamReader, life: Life) -> None:
        with self._log.open("ab", buffering=0) as log:
            log.write(f"--- life {life.number}, boot {self._boot}\n".encode())
            while some := await said.read(16 * 1024):
                log.write(some)

    async def _read(self, reports: asyncio.StreamReader, life: Life) -> None:
        while line := await reports.readline():
            word, _, rest = line.decode().partition(" ")
            if word == "durable" and line.endswith(b"\n"):
                life.durable = int(rest)
                life.said.append((time.monotonic() - self._began_s, life.durable))
            elif word == "finished":
                self.finished = msgspec.json.decode(rest, type=gateway.Finished)
