"""A file of G-code as lines to send: without comments, without what would upset the numbering, each line checked.

Reading happens in a thread, some hundred lines at a time: a print of a day is a file of 100 MB.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Generator
from itertools import islice
from pathlib import Path

from firmware_bridge.errors import Refused

SUFFIXES = (".gcode", ".gco", ".g")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
LONGEST = 80
"""Characters of a line: a printer's buffer has 96, with the number and the checksum."""
_AT_ONCE = 500
_BEFORE = re.compile(r"^N\d+\s*")
_CHECK = re.compile(r"\*\d+$")
_LINE = re.compile(r"[A-Za-z][\x20-\x7e]*")
_NUMBERING = re.compile(r"M110\b", re.IGNORECASE)


def programs(folder: Path) -> dict[str, Path]:
    """The files of a folder that can be printed, by the name under which they are started."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as wrong:
        raise Refused(f"{folder} cannot be read: {wrong.strerror}") from wrong
    return {path.stem: path for path in found if NAME.fullmatch(path.stem) and path.stem != "none"}


class GcodeFile:
    """One file, opened afresh each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def count(self) -> int:
        """How many lines are to be sent. Raises Refused for a file that is not G-code, or holds nothing to do."""
        count = await asyncio.to_thread(self._checked)
        if not count:
            raise Refused(f"{self.path.name} holds nothing to print")
        return count

    async def lines(self) -> AsyncGenerator[str, None]:
        """In order."""
        reading = _read(self.path)
        try:
            while some := await asyncio.to_thread(lambda: list(islice(reading, _AT_ONCE))):
                for words in some:
                    yield words
        finally:
            await asyncio.to_thread(reading.close)

    def _checked(self) -> int:
        return sum(1 for _ in _read(self.path))


def _read(path: Path) -> Generator[str, None, None]:
    """What is to be sent. Raises Refused."""
    try:
        with path.open(encoding="latin-1") as opened:
            for number, raw in enumerate(opened, 1):
                words = _CHECK.sub("", _BEFORE.sub("", raw.partition(";")[0].strip())).strip()
                if words and not _LINE.fullmatch(words):
                    raise Refused(f"{path.name}: line {number} is no G-code: {words[:20]!a}")
                if len(words) > LONGEST:
                    raise Refused(f"{path.name}: line {number} has {len(words)} characters; printers take {LONGEST}")
                if words and not _NUMBERING.match(words):
                    yield words
    except OSError as wrong:
        raise Refused(f"{path} cannot be read: {wrong.strerror}") from wrong
