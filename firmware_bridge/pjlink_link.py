"""A conversation with a PJLink projector on TCP: connects, proves the password, asks one thing at a time.

A projector hangs up after 30 s of silence (section 5.2), some after each answer: it is connected again for the next
question. A conversation that timed out or was given up in the middle is closed, so that no late answer is taken for
the next one.

    greeting  PJLINK 0                 nothing to prove
              PJLINK 1 <8 hex>         ask for the newer way: PJLINK 2
                  PJLINK 2 <32 hex>    SHA-256
                  anything else        an older set: connect again, MD5
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from enum import StrEnum

from firmware_bridge import pjlink_wire as wire
from firmware_bridge.errors import BadReply, Refused, Timeout, Unreachable, WrongPassword
from firmware_bridge.pjlink_wire import Greeting, Level, Reply, Request


class Proof(StrEnum):
    """How the password is proven."""

    AUTO = "auto"
    MD5 = "md5"
    SHA256 = "sha256"


class PjlinkLink:
    """One projector at an address. One task talks at a time."""

    def __init__(
        self,
        host: str,
        port: int,
        password: str | None,
        proof: Proof,
        answer_s: float,
        own_random: Callable[[], bytes] = lambda: secrets.token_bytes(16),
    ) -> None:
        self._host = host
        self._port = port
        self._password = password
        self._proof = proof
        self._answer_s = answer_s
        self._own_random = own_random
        self._only_md5 = proof is Proof.MD5
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._prefix = b""
        self._answered = False
        """True once this connection has answered: if it ends now, it was not refused but idle."""

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"

    async def ask(self, request: Request) -> Reply:
        """The projector's reply to this request, connecting first where needed.

        Raises Unreachable, Refused (the password), Timeout or BadReply; the connection is closed then.
        """
        if not self._is_live():
            await self._connect()
        asked_again = not (self._answered and request.parameter.startswith("?"))
        while True:
            try:
                line = await self._exchange(self._prefix + request.to_bytes())
                break
            except Unreachable:
                if asked_again:  # or it was a command, which may have been carried out
                    raise
                asked_again = True
                await self._connect()
        try:
            return self._reply(line, request)
        except BaseException:
            self._drop()
            raise

    async def close(self) -> None:
        """Idempotent."""
        streams = self._streams
        self._drop()
        if streams is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(self._answer_s):
                    await streams[1].wait_closed()

    def _reply(self, line: bytes, request: Request) -> Reply:
        if wire.is_refusal(line):
            raise WrongPassword(f"password: {self._place} does not accept the one that it was given")
        reply = Reply.from_bytes(line)
        if reply.body != request.body:
            raise BadReply(f"{self._place} was asked for {request.body} and answered {reply.body}")
        self._prefix, self._answered = b"", True
        return reply

    def _is_live(self) -> bool:
        if self._streams is None:
            return False
        reader, writer = self._streams
        return not (reader.at_eof() or reader.exception() or writer.is_closing())

    async def _connect(self) -> None:
        """Leaves in `_prefix` what proves the password; it goes with the first request."""
        greeting = await self._dial()
        if greeting.level is Level.MD5 and self._password is not None and not self._only_md5:
            newer = await self._newer_greeting()
            if newer is None and self._proof is Proof.SHA256:
                self._drop()
                raise Refused(f"{self._place} takes the password only by MD5, and option 'proof' says sha256")
            if newer is None:
                self._only_md5 = True
                newer = await self._dial()
            greeting = newer
        try:
            self._prefix = self._proven(greeting)
        except BaseException:
            self._drop()
            raise

    def _proven(self, greeting: Greeting) -> bytes:
        if greeting.level is Level.OPEN:
            return b""
        if self._password is None:
            raise WrongPassword(f"password: {self._place} wants one; set option 'password'")
        if greeting.level is Level.MD5:
            return wire.md5_prefix(greeting.random, self._password)
        return wire.sha256_prefix(greeting.random, self._own_random(), self._password)

    async def _dial(self) -> Greeting:
        self._drop()
        try:
            async with asyncio.timeout(self._answer_s):
                self._streams = await asyncio.open_connection(self._host, self._port, limit=wire.MAX_LINE)
        except TimeoutError as slow:
            raise Unreachable(f"{self._place} does not answer; is the projector on the network?") from slow
        except (OSError, UnicodeError) as wrong:
            raise Unreachable(f"{self._place}: {wrong}; are address and port right, is PJLink switched on?") from wrong
        self._answered = False
        line = await self._exchange(b"")
        try:
            return Greeting.from_bytes(line)
        except BadReply:
            self._drop()
            raise

    async def _newer_greeting(self) -> Greeting | None:
        """None from a set that knows MD5 only: it takes the question for a wrong password, or for nothing."""
        try:
            greeting = Greeting.from_bytes(await self._exchange(wire.ASK_LEVEL))
        except (BadReply, Timeout, Unreachable):
            return None
        return greeting if greeting.level is Level.SHA256 else None

    async def _exchange(self, sent: bytes) -> bytes:
        """One line out (or none), one line in. Whatever else comes of it, the conversation is over."""
        assert self._streams is not None
        reader, writer = self._streams
        try:
            async with asyncio.timeout(self._answer_s):
                writer.write(sent)
                await writer.drain()
                return await reader.readuntil(wire.END)
        except TimeoutError as slow:
            self._drop()
            raise Timeout(f"{self._place} did not answer within {self._answer_s:g} s") from slow
        except (asyncio.IncompleteReadError, OSError) as gone:
            self._drop()
            raise Unreachable(f"{self._place} hung up instead of answering") from gone
        except asyncio.LimitOverrunError as flood:
            self._drop()
            raise BadReply(f"{self._place} sent {wire.MAX_LINE} bytes without an end of line") from flood
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
