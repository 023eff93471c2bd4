"""The files on a MicroPython board: listed, read, put with verification by hash, replaced as a whole, removed.

Every board has `open` and `os`; what else it has is asked once. Where there is no `hashlib` (micro:bit), a file is
read back and hashed here; where there is no `os.rename`, it is copied on the board, which needs room for both.
"""

import ast
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from firmware_bridge.errors import BadReply, Refused, WrongFirmware
from firmware_bridge.micropython_link import Raised, ReplLink

TEMPORARY = ".new"
_CHUNK_BYTES = 1024
_CHUNK_PLAIN_BYTES = 128
"""A micro:bit has 16 KB of memory for the code, the text and the bytes that they mean."""
_SLOW_S = 20.0
"""Flash is erased while files are written, hashed and renamed."""

Told = Callable[[int], None]
"""Gets how many bytes more the board has taken."""


class BoardFull(Refused):
    """Its flash has no room for this; what was there is there still."""

    reason = "board-full"


@dataclass(frozen=True, slots=True)
class Board:
    """What a board says that it is, and has."""

    implementation: str
    version: tuple[int, int, int]
    machine: str
    hashes: bool
    renames: bool
    tells_space: bool
    pins: str
    """`machine`, `microbit` or empty: where its pins are."""

    @property
    def firmware(self) -> str:
        """As `micropython 1.23.0 (Raspberry Pi Pico with RP2040)`."""
        return f"{self.implementation} {self.release} ({self.machine})"

    @property
    def release(self) -> str:
        return ".".join(str(number) for number in self.version)


_WHO = """\
import os,sys
def h(m,n):
 try:return hasattr(__import__(m),n)
 except ImportError:return False
i=sys.implementation
try:
 u=os.uname();m=u[4]
except AttributeError:m=getattr(i,'_machine',sys.platform)
p='microbit' if h('microbit','pin0') else 'machine' if h('machine','Pin') else ''
print((i[0],tuple(i[1])[:3],m,h('hashlib','sha256'),hasattr(os,'rename'),hasattr(os,'statvfs'),p))
"""


async def ask_who(link: ReplLink) -> Board:
    """What board this is. Raises DeviceError; WrongFirmware for one whose Python is not MicroPython."""
    answer = await _literal(link, _WHO)
    try:
        name, version, machine, hashes, renames, space, pins = answer
        first, second, third = (int(number) for number in version)
    except (TypeError, ValueError) as wrong:
        raise BadReply(f"the board on {link.port} says that it is {answer!r:.60}") from wrong
    if name != "micropython":
        raise WrongFirmware(f"the board on {link.port} runs {name}, not MicroPython")
    return Board(str(name), (first, second, third), str(machine)[:60], hashes, renames, space, str(pins))


class BoardFiles:
    """The files in a board's root directory."""

    def __init__(self, link: ReplLink, board: Board) -> None:
        self._link = link
        self._board = board

    async def sizes(self) -> dict[str, int]:
        """Each file's size in bytes."""
        size = "os.stat(n)[6]" if self._board.pins != "microbit" else "os.size(n)"
        found = await _literal(self._link, f"import os\nprint([(n,{size}) for n in os.listdir()])", _SLOW_S)
        return {str(name): int(size) for name, size in found}

    async def free_bytes(self) -> int | None:
        """None where the board cannot say."""
        if not self._board.tells_space:
            return None
        found = await _literal(self._link, "import os\ns=os.statvfs('/')\nprint(s[0]*s[3])", _SLOW_S)
        return int(found)

    async def read(self, name: str) -> bytes | None:
        """None if there is no such file."""
        opened = f"try:\n f=open({name!r},'rb')\nexcept OSError:f=None\nprint(f is not None)"
        if not await _literal(self._link, opened):
            return None
        content = bytearray()
        while part := await _literal(self._link, f"print(f.read({self._chunk}))"):
            content += part
        await self._link.run("f.close()")
        return bytes(content)

    async def sha256(self, name: str) -> str | None:
        """Of the file as the board has it. None if there is no such file."""
        if not self._board.hashes:
            content = await self.read(name)
            return None if content is None else hashlib.sha256(content).hexdigest()
        code = (
            f"import hashlib\ntry:\n f=open({name!r},'rb')\n h=hashlib.sha256()\n while 1:\n"
            "  b=f.read(512)\n  if not b:break\n  h.update(b)\n f.close()\n print(h.digest())\n"
            "except OSError as e:\n if e.args[0]!=2:raise\n print(None)"
        )
        digest = await _literal(self._link, code, _SLOW_S)
        return None if digest is None else bytes(digest).hex()

    async def remove(self, name: str) -> None:
        """It is no error if there is none."""
        await self._link.run(f"import os\nif {name!r} in os.listdir():os.remove({name!r})", _SLOW_S)

    async def put(self, name: str, content: bytes, told: Told = lambda _: None) -> None:
        """Write it under its temporary name, and verify it there. Raises BoardFull, leaving nothing behind."""
        there = name + TEMPORARY
        try:
            await self._link.run(f"f=open({there!r},'wb')", _SLOW_S)
            for at in range(0, len(content), self._chunk):
                part = content[at : at + self._chunk]
                await self._link.run(f"f.write({part!r})", _SLOW_S)
                told(len(part))
            await self._link.run("f.close()", _SLOW_S)
        except Raised as wrong:
            if not wrong.no_space:
                raise
            await self._link.run("try:f.close()\nexcept Exception:pass", _SLOW_S)
            await self.remove(there)
            free = await self.free_bytes()
            room = "" if free is None else f", it has {free}"
            raise BoardFull(f"the board is full: {name} needs {len(content)} bytes{room}") from wrong
        if (found := await self.sha256(there)) != hashlib.sha256(content).hexdigest():
            await self.remove(there)
            raise BadReply(f"{name} did not arrive as it was sent ({'nothing' if found is None else found[:12]})")

    async def take_over(self, renamed: Iterable[tuple[str, str]]) -> None:
        """Give each file, in this order, the name beside it, replacing what had that name. One piece of code."""
        pairs = list(renamed)
        if self._board.renames:
            code = f"import os\nfor a,b in {pairs!r}:os.rename(a,b)"
        else:
            code = (
                f"import os\nfor a,b in {pairs!r}:\n i=open(a,'rb')\n o=open(b,'wb')\n while 1:\n"
                "  d=i.read(64)\n  if not d:break\n  o.write(d)\n i.close()\n o.close()\n os.remove(a)"
            )
        try:
            await self._link.run(code, _SLOW_S)
        except Raised as wrong:
            if not wrong.no_space:
                raise
            raise BoardFull("the board is full: it has no os.rename, and no room for a second copy") from wrong

    async def tidy(self) -> None:
        """Remove what an interrupted transfer left behind."""
        code = f"import os\nfor n in os.listdir():\n if n.endswith({TEMPORARY!r}):os.remove(n)"
        await self._link.run(code, _SLOW_S)

    @property
    def _chunk(self) -> int:
        return _CHUNK_BYTES if self._link.raw_paste else _CHUNK_PLAIN_BYTES


async def _literal(link: ReplLink, code: str, timeout_s: float | None = None) -> Any:
    """What the code printed, as the plain value that it is. Raises BadReply for anything else."""
    printed = await link.run(code, timeout_s)
    try:
        return ast.literal_eval(printed.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as wrong:
        raise BadReply(f"the board on {link.port} printed {printed[:60]!r}, which is no value") from wrong
