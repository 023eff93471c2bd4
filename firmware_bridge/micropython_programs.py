"""Which programs a MicroPython board has, by a record on the board itself, and how a new version takes their place.

The record, `lophoc.json`, names a program only while each of its files is complete. A new version arrives beside the
old one under temporary names and is verified there; then one piece of code on the board takes the program out of the
record, renames the files, and enters the new version. So a cable pulled at any moment leaves the old version, none,
or the new one, and the board can say which.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from classroom_profiles.capability import NO_PROGRAM
from firmware_bridge.errors import BadReply
from firmware_bridge.micropython_files import TEMPORARY, BoardFiles, BoardFull, Told
from firmware_bridge.programs import Bundle, Installed

_NAME, _VERSION = re.compile(r"[a-z0-9][a-z0-9-]{0,47}"), re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}")
_FILE, _SHA256 = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}"), re.compile(r"[0-9a-f]{64}")
_MOST_FILES = 32
"""As the library has them."""

RECORD = "lophoc.json"
_WITHOUT = "lophoc.json.less"


@dataclass(frozen=True, slots=True)
class Program:
    """One program on the board."""

    version: str
    main: str
    files: Mapping[str, str]
    """Name to SHA-256, in hexadecimal."""


Record = Mapping[str, Program]


def read_record(content: bytes | None) -> Record:
    """A record that cannot be read names nothing: what it named is deployed again."""
    try:
        written = json.loads(content or b"{}")
        return {name: _program(name, one) for name, one in written["programs"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def write_record(record: Record) -> bytes:
    programs = {
        name: {"version": one.version, "main": one.main, "files": dict(one.files)} for name, one in record.items()
    }
    return json.dumps({"programs": programs}, sort_keys=True, separators=(",", ":")).encode()


def _program(name: str, written: Any) -> Program:
    """Raises ValueError for what nobody has deployed: a board may say anything."""
    version, main, files = written["version"], written["main"], dict(written["files"])
    sound = (
        _NAME.fullmatch(name)
        and name != NO_PROGRAM
        and _VERSION.fullmatch(version)
        and 0 < len(files) <= _MOST_FILES
        and main in files
        and all(_FILE.fullmatch(file) and _SHA256.fullmatch(digest) for file, digest in files.items())
    )
    if not sound:
        raise ValueError(name)
    return Program(version, main, files)


@dataclass(slots=True)
class BoardPrograms:
    """The programs of one board."""

    files: BoardFiles
    record: Record = field(default_factory=dict)

    @property
    def installed(self) -> tuple[Installed, ...]:
        return tuple(Installed(name, one.version) for name, one in sorted(self.record.items()))

    async def read(self) -> None:
        """Learn what the board has."""
        self.record = read_record(await self.files.read(RECORD))

    async def damaged(self, name: str) -> tuple[str, ...]:
        """The files of a program that are missing, or not what the record says."""
        files = self.record[name].files.items()
        return tuple([file for file, digest in files if await self.files.sha256(file) != digest])

    async def install(self, bundle: Bundle, told: Told = lambda _: None) -> None:
        """Returns when the board has confirmed every file. Raises BoardFull, and the errors of a lost line."""
        await self.files.tidy()
        try:
            await self._install(bundle, told)
        except BoardFull:
            await self.files.tidy()  # or what did arrive would keep the board full
            raise

    async def _install(self, bundle: Bundle, told: Told) -> None:
        for file, content in bundle.files.items():
            await self.files.put(file, content, told)
        digests = {file: hashlib.sha256(content).hexdigest() for file, content in bundle.files.items()}
        others = {name: one for name, one in self.record.items() if name != bundle.name and _agree(one, digests)}
        after = {**others, bundle.name: Program(bundle.version, bundle.main, digests)}
        await self.files.put(RECORD, write_record(after))
        taken = [*((file + TEMPORARY, file) for file in bundle.files), (RECORD + TEMPORARY, RECORD)]
        if others != self.record:
            await self.files.put(_WITHOUT, write_record(others))
            taken.insert(0, (_WITHOUT + TEMPORARY, RECORD))
        obsolete = _files(self.record) - _files(after)
        await self.files.take_over(taken)
        for file in sorted(obsolete):
            await self.files.remove(file)
        await self.read()
        if self.record != after or (wrong := await self.damaged(bundle.name)):
            raise BadReply(f"{', '.join(wrong) if self.record == after else RECORD} is not as it was written")


def _agree(program: Program, digests: Mapping[str, str]) -> bool:
    """Whether none of its files is replaced by another program's of the same name."""
    return all(digests.get(file, digest) == digest for file, digest in program.files.items())


def _files(record: Record) -> set[str]:
    return {file for program in record.values() for file in program.files}
