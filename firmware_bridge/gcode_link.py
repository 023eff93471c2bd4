"""A conversation with a G-code printer: a line is sent, and the next only when the printer took it.

    send N ──► ok ─────────────────────────────────────► N is done
           ├─► Resend: K (+ ok) ──► send K … N again
           ├─► busy, temperatures ──► wait on
           └─► silence, or `wait` ──► send N again: if only the ok was lost, the printer asks for N+1

One line at a time keeps it true: after an ok the printer has that line, whatever the cable did. A planner of some
sixteen moves is full all the same, since an ok comes when a move is planned, not when it is made.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable
from firmware_bridge.gcode_wire import (
    Able,
    Action,
    Busy,
    Halted,
    Heat,
    Identity,
    Ok,
    Resend,
    Said,
    Started,
    Waiting,
    Words,
    numbered,
    parse,
)
from firmware_bridge.transports.serial import SerialLine

_ASK_AGAIN_S = 1.0
_QUIET_S = 0.2
"""A printer that says nothing for so long has said all that was owed."""
_QUIET_MAX_S = 5.0
_KEPT = 100
"""So many lines can be sent again."""
_RESENDS_MAX = 20
"""Of one line."""
_LINE_MAX = 512
_COUNT_AFRESH = 0
"""The number of the line that sets the count."""


class _Lost:
    """The line is lost: whoever waits finds the reason."""


class PrinterLink:
    """One printer."""

    def __init__(
        self,
        port: str,
        baudrate: int,
        *,
        boot_s: float,
        silence_s: float,
        silences: int,
        heard: Callable[[Said], None],
        lost: Callable[[], None],
    ) -> None:
        """`silence_s`: a line is sent again when the printer says nothing at all for so long; `silences` times.

        `heard` gets temperatures, actions and a halt; `lost` is told once, when `check` begins to raise.
        """
        self.port = port
        self.firmware = ""
        self.reports_heat = False
        """It can tell its temperatures by itself (M155)."""
        self.last_words = ""
        self._boot_s, self._silence_s, self._silences = boot_s, silence_s, silences
        self._heard, self._tell_lost = heard, lost
        self._line = SerialLine(port, baudrate)
        self._replies: asyncio.Queue[Said | _Lost] = asyncio.Queue()
        self._sent: OrderedDict[int, bytes] = OrderedDict()
        self._next = 1
        self._turn = asyncio.Lock()
        self._unsure = False
        """An ok may be under way that nobody waits for."""
        self._greeted = False
        self._bytes = 0
        self._reader: asyncio.Task[None] | None = None
        self._lost: DeviceError | None = Unreachable(f"{port} is not open")
        self._halted: Halted | None = None
        self._since: float | None = None

    async def open(self) -> None:
        """Wait until it has started, and learn what it is. Raises DeviceError; `close` is due in any case."""
        await self._line.__aenter__()
        self._lost = None
        self._reader = asyncio.create_task(self._listen(), name=f"printer {self.port}")
        await self._greet()
        await self._quiet()
        self._greeted = True
        await self.begin()

    async def close(self) -> None:
        """Idempotent."""
        self._lose(Unreachable(f"{self.port} was closed"))
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        await self._line.__aexit__(None, None, None)
        if self._reader is not None and not self._reader.cancelled():
            self._reader.result()  # a mistake of ours does not go on in silence

    def check(self) -> None:
        """Raises DeviceError once the line is lost."""
        if self._lost is not None:
            raise type(self._lost)(*self._lost.args)

    @property
    def halted(self) -> Halted | None:
        return self._halted

    @property
    def waiting_s(self) -> float:
        """How long the printer has been at the line that it has now; 0 if it has none."""
        return 0.0 if self._since is None else self._now - self._since

    async def begin(self) -> None:
        """Lines are counted from 1 again."""
        async with self._turn:
            self._sent.clear()
            self._sent[_COUNT_AFRESH] = numbered(_COUNT_AFRESH, "M110 N0")
            await self._deliver(_COUNT_AFRESH)
            self._next = 1

    async def send(self, words: str) -> None:
        """Returns when the printer took it. Raises Timeout or BadReply: the line is lost; Refused: it has halted.

        A caller who no longer waits leaves a line behind that is in nobody's way.
        """
        async with self._turn:
            number, self._next = self._next, self._next + 1
            self._sent[number] = numbered(number, words)
            while len(self._sent) > _KEPT:
                self._sent.popitem(last=False)
            await self._deliver(number)

    async def shout(self, words: str) -> None:
        """Past the queue, unnumbered: what a printer hears even while it heats (M108, M112). Nobody waits."""
        self.check()
        self._unsure = True
        await self._write(f"{words}\n".encode("ascii"))

    async def _greet(self) -> None:
        said: list[Said] = []
        try:
            async with asyncio.timeout(self._boot_s):
                while not self._is_known(said):
                    # An empty line ends what an earlier program left half sent; M108 ends its wait for heat.
                    await self._write(b"\nM108\nM115\n")
                    await self._hear_out(said)
        except TimeoutError as slow:
            self.check()
            error = self._stranger(said)
            self._lose(error)
            raise error from slow

    async def _hear_out(self, said: list[Said]) -> None:
        """Until it is known; or until it has just started, and what it was asked before that is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ASK_AGAIN_S):
                while not self._is_known(said):
                    said.append(await self._reply())
                    if isinstance(said[-1], Started):
                        return
        self.check()

    def _is_known(self, said: list[Said]) -> bool:
        return bool(self.firmware) and any(isinstance(one, Ok) for one in said)

    def _stranger(self, said: list[Said]) -> DeviceError:
        if any(isinstance(one, Busy | Heat) for one in said):
            return NotNow(f"the printer on {self.port} is busy with what it was told before; try again when it is done")
        if self._bytes:
            return BadReply(
                f"what is on {self.port} says something ({self._bytes} bytes), but is no printer that knows M115;"
                " correct the baudrate, or the port"
            )
        return Timeout(f"the printer on {self.port} says nothing within {self._boot_s:g} s; is it switched on?")

    async def _deliver(self, number: int) -> None:
        self.check()
        self._check_halted()
        try:
            if self._unsure:
                await self._quiet()
            self._since = self._now
            await self._say_until_taken(number)
        except Refused:
            raise
        except DeviceError as error:
            self._lose(error)
            raise
        except asyncio.CancelledError:
            self._unsure = True
            raise
        finally:
            self._since = None

    async def _say_until_taken(self, number: int) -> None:
        at, silent, again = number, 0, 0
        while at <= number:
            self._forget()
            await self._write(self._sent[at])
            match await self._outcome():
                case Ok():
                    at += 1
                case Resend(wanted):
                    again += 1
                    await self._ok_after_resend()
                    if again > _RESENDS_MAX:
                        raise BadReply(f"{self.port}: line {at} does not arrive; look at the cable ({self.last_words})")
                    if number == _COUNT_AFRESH:
                        continue  # it counts as before: the line that says otherwise did not arrive
                    if wanted not in self._sent and wanted != number + 1:
                        raise BadReply(f"{self.port}: it wants line {wanted} of {number}; it has lost count")
                    at = wanted
                case _:
                    silent += 1
                    if silent >= self._silences:
                        raise Timeout(f"the printer on {self.port} does not answer any more")
        if silent:
            await self._quiet()  # an ok that came late belongs to the line before

    async def _outcome(self) -> Ok | Resend | None:
        """None for silence: what a printer says also while it has nothing to do is no sign of work, nor is noise."""
        silent_at = self._now + self._silence_s
        while True:
            try:
                async with asyncio.timeout_at(silent_at):
                    said = await self._reply()
            except TimeoutError:
                self.check()
                return None
            if isinstance(said, Ok | Resend):
                return said
            if isinstance(said, Waiting):
                return None
            self._check_halted()
            if self._is_at_work(said):
                silent_at = self._now + self._silence_s

    def _is_at_work(self, said: Said) -> bool:
        match said:
            case Busy():
                return True
            case Heat():
                return said.waits or not self.reports_heat
            case Words():
                return said.sound
        return False

    async def _ok_after_resend(self) -> None:
        """Most printers say ok after they asked for a line again; some do not."""
        try:
            async with asyncio.timeout(min(self._silence_s, _ASK_AGAIN_S)):
                while not isinstance(await self._reply(), Ok):
                    pass
        except TimeoutError:
            self.check()

    async def _quiet(self) -> None:
        """Until all that was owed has been said."""
        latest = self._now + _QUIET_MAX_S
        quiet_at = self._now + _QUIET_S
        try:
            while True:
                async with asyncio.timeout_at(min(quiet_at, latest)):
                    if isinstance(await self._reply(), Ok | Resend | Words):
                        quiet_at = self._now + _QUIET_S
        except TimeoutError:
            self.check()
        self._unsure = False

    async def _reply(self) -> Said:
        said = await self._replies.get()
        if isinstance(said, _Lost):
            self._replies.put_nowait(said)
            self.check()
        assert not isinstance(said, _Lost), "else check has raised"
        return said

    def _forget(self) -> None:
        """What was said before we ask is no answer."""
        while not self._replies.empty() and self._lost is None:
            self._replies.get_nowait()
        self.check()

    def _check_halted(self) -> None:
        if self._halted is not None:
            raise Refused(f"the printer has stopped itself: {self._halted.words}; switch it off and on")

    async def _write(self, data: bytes) -> None:
        try:
            await self._line.write(data)
        except DeviceError as error:
            self._lose(error)
            raise

    async def _listen(self) -> None:
        rest = b""
        try:
            while True:
                data = await self._line.read()
                self._bytes += len(data)
                *lines, rest = (rest + data).split(b"\n")
                rest = rest[-_LINE_MAX:]
                for line in lines:
                    for said in parse(line[-_LINE_MAX:]):
                        self._take(said)
        except DeviceError as gone:
            self._lose(gone)

    def _take(self, said: Said) -> None:
        match said:
            case Started() if self._greeted:
                self._lose(Unreachable(f"the printer on {self.port} has restarted"))
            case Identity(firmware):
                self.firmware = firmware
            case Able("AUTOREPORT_TEMP", has):
                self.reports_heat = has
            case Words(text):
                self.last_words = text[:80]
            case Halted() if self._halted is None:
                self._halted = said
                self._heard(said)
            case Heat() | Action():
                self._heard(said)
        if self._turn.locked() or not self._greeted:
            self._replies.put_nowait(said)

    def _lose(self, why: DeviceError) -> None:
        """The first reason is kept."""
        if self._lost is not None:
            return
        self._lost = why
        self._replies.put_nowait(_Lost())
        self._tell_lost()

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()
