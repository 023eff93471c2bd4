"""Which batches were in hand when a worker died, so that one which kills workers cannot do so for ever.

Each worker notes the digests of what it has in hand in a small file mapped into memory, which outlives it. Whoever
starts next reads the notes of the dead: their batches are suspects, tried again in crowds an eighth as large, in the
end alone; one that was alone in hand when a worker died twice is poison. Kills from outside make suspects too, but
one that is digested is cleared.
"""

import fcntl
import logging
import mmap
import os
import secrets
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

DEATHS = 2
"""How often a worker may die with one batch alone in hand."""

_CROWD = 4096
_DIGEST = 16
_SLOT = 8 + _CROWD * _DIGEST
_FEWER = 8
_SUSPECTS = 20_000

_log = logging.getLogger("lophoc.ingest.suspects")


class Record(NamedTuple):
    """What is known of one suspect."""

    crowd: int
    """How many may be in hand together with it."""
    deaths: int = 0
    """How many workers died with it alone in hand."""


class InHand:
    """What one writer has in hand, in memory that outlives the process."""

    def __init__(self, memory: mmap.mmap, start: int) -> None:
        self._memory = memory
        self._start = start
        self._count = 0

    def add(self, digest: str) -> None:
        if self._count < _CROWD:
            at = self._start + 8 + self._count * _DIGEST
            self._memory[at : at + _DIGEST] = digest.encode()
            self._count += 1
            self._memory[self._start : self._start + 8] = self._count.to_bytes(8, "little")

    def clear(self) -> None:
        self._count = 0
        self._memory[self._start : self._start + 8] = bytes(8)


class Suspects:
    """Shared by all workers that use one folder. Without a folder that can be written to, nobody is suspected."""

    def __init__(self, folder: Path, writers: int) -> None:
        self._folder = folder
        self._file = folder / "suspects.json"
        self._records: dict[str, Record] = {}
        self._read_at = 0
        self._own: Path | None = None
        self._notes: IO[bytes] | None = None
        memory = self._open(writers * _SLOT)
        self.in_hand = [InHand(memory, writer * _SLOT) for writer in range(writers)]
        """One for each writer."""

    def refresh(self) -> None:
        """Hear of what other workers died with."""
        try:
            if self._file.stat().st_mtime_ns != self._read_at:
                with _locked(self._folder):
                    self._load()
        except OSError:
            return  # there are none, or the folder was taken away

    def crowd(self, digest: str) -> int | None:
        """How many batches may be in hand together with this one: None: any number, 0: it is poison."""
        if not self._records:
            return None
        record = self._records.get(digest)
        if record is None:
            return None
        return 0 if record.deaths >= DEATHS else record.crowd

    def clear(self, digests: list[str]) -> None:
        """They did no harm, or were set aside."""
        if not self._records or not any(digest in self._records for digest in digests):
            return
        try:
            with _locked(self._folder):
                self._load()
                for digest in digests:
                    self._records.pop(digest, None)
                self._save()
        except OSError as wrong:
            _log.warning("%s: %s", self._file, wrong)

    def close(self) -> None:
        """A clean end leaves nothing behind but the suspects."""
        if self._notes is not None and self._own is not None:
            self._own.unlink(missing_ok=True)
            self._notes.close()
            self._notes = None
            for leftover in (self._folder / "lock",):
                if not self._records and not any(self._folder.glob("in-hand-*")):
                    leftover.unlink(missing_ok=True)
            try:
                self._folder.rmdir()
            except OSError:
                return  # something is in it

    def _open(self, size: int) -> mmap.mmap:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._folder):
                self._load()
                for notes in self._folder.glob("in-hand-*"):
                    self._inherit(notes)
                self._save()
                self._own = self._folder / f"in-hand-{os.getpid()}-{secrets.token_hex(4)}"
                self._notes = self._own.open("x+b")  # open as long as we live: its lock says that we do
                self._own.chmod(0o600)
                fcntl.flock(self._notes, fcntl.LOCK_EX)
                self._notes.truncate(size)
            return mmap.mmap(self._notes.fileno(), size)
        except OSError as wrong:
            _log.warning("%s cannot be used, so a batch that kills a worker is not found out: %s", self._folder, wrong)
            return mmap.mmap(-1, size)

    def _inherit(self, notes: Path) -> None:
        """Suspect what a dead worker had in hand."""
        with notes.open("rb") as left:
            try:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # it lives
            content = left.read()
        for start in range(0, len(content), _SLOT):
            crowd = _digests(content[start : start + _SLOT])
            for digest in crowd:
                before = self._records.get(digest, Record(_CROWD))
                alone = len(crowd) == 1
                self._records[digest] = Record(max(1, len(crowd) // _FEWER), before.deaths + alone)
            if crowd:
                _log.warning("a worker died with %d batches in hand", len(crowd))
        while len(self._records) > _SUSPECTS:
            del self._records[next(iter(self._records))]
        notes.unlink(missing_ok=True)

    def _load(self) -> None:
        try:
            self._read_at = self._file.stat().st_mtime_ns
            self._records = msgspec.json.decode(self._file.read_bytes(), type=dict[str, Record])
        except FileNotFoundError:
            self._records = {}
        except (OSError, msgspec.MsgspecError) as wrong:
            _log.warning("%s is not read: %s", self._file, wrong)
            self._records = {}

    def _save(self) -> None:
        if not self._records:
            self._file.unlink(missing_ok=True)
            return
        made = self._file.with_suffix(".new")
        made.touch(0o600)
        made.write_bytes(msgspec.json.encode(self._records))
        made.replace(self._file)
        self._read_at = self._file.stat().st_mtime_ns


class _locked:
    """One worker at a time changes the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"

    def __enter__(self) -> None:
        self._lock = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)


def _digests(slot: bytes) -> list[str]:
    count = min(int.from_bytes(slot[:8], "little"), _CROWD)
    raw = (slot[8 + at * _DIGEST : 8 + (at + 1) * _DIGEST] for at in range(count))
    return [digest.decode("ascii", "replace") for digest in raw if len(digest) == _DIGEST]
