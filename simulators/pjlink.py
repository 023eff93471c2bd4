"""A projector that speaks PJLink class 1 and 2 on TCP and UDP, warms up, cools down, and can be injured.

Source: PJLink Specifications Version 2.10 (JBMIA): section 5 authentication, section 6 search and notification.

            client                               projector
    auth    connects                          -> PJLINK 0                  no password
                                              -> PJLINK 1 <8 hex>          a password
    md5     MD5(8 hex + password) %1POWR ?    -> %1POWR=0  or  PJLINK ERRA
    sha256  PJLINK 2                          -> PJLINK 2 <32 hex>         an older set: PJLINK ERRA
            <own 32 hex> SHA256(hex(XOR of both) + password) %1POWR ?  -> %1POWR=0  or  PJLINK ERRA

The SHA-256 exchange is as three independent clients write it (in Swift, Kotlin and Python); the specification's
own text of it was not at hand.
"""

import asyncio
import contextlib
import hashlib
import hmac
import os
import random
import secrets
import socket
from collections.abc import Iterable, Mapping
from typing import Literal, Self

import click

from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.pjlink_commands import FAULTS, INPUTS, Labels, Picture, ProjectorSet
from simulators.projector_lamp import Lamp, Power
from simulators.until_stopped import run

Auth = Literal["md5", "sha256", "sha256-only"]
"""`md5`: a set from before 2.10. `sha256`: takes either. `sha256-only`: refuses the old way."""

_MAC = "02:00:00:4c:48:01"
_LINE_MAX = 512


class PjlinkProjector:
    """A PJLink projector at an address. What it was told, it remembers: `power`, `picture`, `received`."""

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        password: str | None = None,
        auth: Auth = "md5",
        pjlink_class: int = 2,
        warm_up_s: float = 30.0,
        cool_down_s: float = 20.0,
        inputs: Mapping[str, str] = INPUTS,
        lamp_hours: float = 1234,
        idle_close_s: float = 30.0,
        slow_s: float = 3.0,
        faults: Iterable[str] = (),
        notify: tuple[str, int] | None = None,
        search_reply_s: float = 0.0,
    ) -> None:
        """`port` 0 takes a free one. `notify`: where class 2 status notifications go (LKUP, POWR, ERST, INPT)."""
        self.host = host
        self.port = port
        self.password = password
        self.auth = auth
        self.idle_close_s = idle_close_s
        self.slow_s = slow_s
        self.search_reply_s = search_reply_s
        self.received: list[str] = []
        """Every command line that was taken, without its authentication."""
        self.logins_refused = 0
        self.connections = 0
        """How many are open now."""
        self.changes = Changes()
        self.faults = Faults(FAULTS, faults, self._changed)
        self.set = ProjectorSet(
            Lamp(warm_up_s, cool_down_s, lamp_hours, self._changed, lambda: "stuck-warming" in self.faults),
            self.faults,
            pjlink_class,
            dict(inputs),
        )
        self._notify = notify
        self._notified: dict[str, str] = {}
        self._noise = random.Random(4352)
        self._server: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self._replies: set[asyncio.TimerHandle] = set()

    @property
    def power(self) -> Power:
        return self.set.lamp.power

    @property
    def picture(self) -> Picture:
        return self.set.picture

    @property
    def labels(self) -> Labels:
        return self.set.labels

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        """Raises OSError if the port is taken."""
        loop = asyncio.get_running_loop()
        for attempts_left in reversed(range(5)):
            server = await asyncio.start_server(self._connected, self.host, self.port, limit=_LINE_MAX)
            port = server.sockets[0].getsockname()[1]
            try:
                if self.set.pjlink_class == 2:
                    self._udp, _ = await loop.create_datagram_endpoint(lambda: _Search(self), (self.host, port))
            except OSError:  # the free TCP port is somebody's UDP port
                server.close()
                if self.port != 0 or attempts_left == 0:
                    raise
                continue
            self._server, self.port = server, port
            break
        self._tell("LKUP", _MAC)
        self._changed()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.set.lamp.close()
        for reply in self._replies:
            reply.cancel()
        if self._udp is not None:
            self._udp.close()
        if self._server is not None:
            self._server.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def set_power(self, on: bool) -> None:
        """As by the remote control, and at once: no warming up or cooling down."""
        self.set.lamp.set_steady(on)

    def hang_up(self) -> None:
        """Close every open connection."""
        for task in self._conversations:
            task.cancel()

    def search_found(self, data: bytes, sender: tuple[str, int]) -> None:
        """A datagram came; a search is answered (section 6.1: up to 10 s later)."""
        if data.strip().upper() == b"%2SRCH" and "silent" not in self.faults and self._udp is not None:
            loop = asyncio.get_running_loop()
            self._replies.add(loop.call_later(self.search_reply_s, self._send, f"%2ACKN={_MAC}", sender))

    def _send(self, text: str, to: tuple[str, int]) -> None:
        if self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(f"{text}\r".encode(), to)

    def _tell(self, body: str, value: str) -> None:
        if self._notify is not None:
            self._send(f"%2{body}={value}", self._notify)

    def _changed(self) -> None:
        self.changes.tell()
        if self._notify is None or self._udp is None:
            return
        now = {"ERST": self.set.error_status, "INPT": self.picture.input}
        if self.power in ("on", "off"):
            now["POWR"] = "1" if self.power == "on" else "0"
        for body, value in now.items():
            if self._notified.get(body, value) != value:
                self._tell(body, value)
        self._notified |= now

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer), name="pjlink conversation")
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.changes.tell()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with contextlib.suppress(
                ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                await self._answer_all(reader, writer)
        finally:
            self.connections -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self.changes.tell()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the client goes, says nothing for too long, or gives a wrong password."""
        login = _Login(self)
        if not await self._say(writer, login.greeting):
            return
        while True:
            async with asyncio.timeout(self.idle_close_s):
                raw = await reader.readuntil(b"\r")
            line = raw.decode("utf-8", "replace").strip("\r\n")
            command, reply = login.take(line)
            if command is not None:
                self.received.append(command)
                reply = self.set.answer(command)
                self._changed()
            if reply is None:
                continue
            if not await self._say(writer, reply):
                return
            if reply == "PJLINK ERRA":
                self.logins_refused += 1
                self.changes.tell()
                return

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        """Send one line, as the faults have it. False if the connection shall end here."""
        if "slow" in self.faults:
            await asyncio.sleep(self.slow_s)
        if "silent" in self.faults:
            return True
        wire = f"{_lower(reply) if 'lower-case' in self.faults else reply}\r".encode()
        if "garbage" in self.faults:
            wire = bytes(self._noise.choice(range(256)) for _ in range(24)).replace(b"\r", b"\n") + b"\r"
        if "drop" in self.faults:
            wire = wire[: len(wire) // 2]
        for chunk in (bytes([byte]) for byte in wire) if "split" in self.faults else [wire]:
            writer.write(chunk)
            await writer.drain()
            if "split" in self.faults:
                await asyncio.sleep(0.001)
        return "drop" not in self.faults


class _Login:
    """One connection's authentication: once it held, it holds for the connection (section 5.3)."""

    def __init__(self, projector: PjlinkProjector) -> None:
        self._password = projector.password or ""
        self._auth = projector.auth
        self._hopeless = "wrong-password" in projector.faults
        self._open = projector.password is None and not self._hopeless
        self._random4 = secrets.token_hex(4)
        self._random16: bytes | None = None

    @property
    def greeting(self) -> str:
        return "PJLINK 0" if self._open else f"PJLINK 1 {self._random4}"

    def take(self, line: str) -> tuple[str | None, str | None]:
        """The command in a line that came, or else what is answered at once."""
        prefix, percent, rest = line.partition("%")
        if self._open:
            return (percent + rest, None) if percent else (None, None)
        if line.upper() == "PJLINK 2" and self._auth != "md5":
            self._random16 = secrets.token_bytes(16)
            return None, f"PJLINK 2 {self._random16.hex()}"
        if self._hopeless or not percent or not self._proves(prefix.lower()):
            return None, "PJLINK ERRA"
        self._open = True
        return percent + rest, None

    def _proves(self, prefix: str) -> bool:
        if self._random16 is not None:
            try:
                own = bytes.fromhex(prefix[:32])
            except ValueError:
                return False
            if len(prefix) != 96 or len(own) != 16:
                return False
            both = bytes(a ^ b for a, b in zip(own, self._random16, strict=True)).hex()
            return hmac.compare_digest(prefix[32:].encode(), _hex(hashlib.sha256(f"{both}{self._password}".encode())))
        if self._auth == "sha256-only":
            return False
        return hmac.compare_digest(prefix.encode(), _hex(hashlib.md5(f"{self._random4}{self._password}".encode())))


class _Search(asyncio.DatagramProtocol):
    def __init__(self, projector: PjlinkProjector) -> None:
        self._projector = projector

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._projector.search_found(data, addr)


def _hex(digest: "hashlib._Hash") -> bytes:
    return digest.hexdigest().encode()


def _lower(reply: str) -> str:
    """A set that writes lower case: its own words, not what the technician named it."""
    head, equals, value = reply.partition("=")
    return f"{head.lower()}{equals}{value.lower() if value == 'OK' or value.startswith('ERR') else value}"


@click.command()
@click.option("--port", default=4352, show_default=True, help="TCP and UDP port; 0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--password-env", metavar="NAME", help="The environment variable that holds the password.")
@click.option("--password", help="A password for trying out; it is seen in the list of processes.")
@click.option(
    "--auth",
    type=click.Choice(["md5", "sha256", "sha256-only"]),
    default="sha256",
    show_default=True,
    help="How the password is proven; sha256 takes both ways, as sets since 2.10 do.",
)
@click.option(
    "--class", "pjlink_class", type=click.Choice(["1", "2"]), default="2", show_default=True, help="The PJLink class."
)
@click.option("--warm-up", "warm_up_s", default=30.0, show_default=True, help="Seconds to warm up.")
@click.option("--cool-down", "cool_down_s", default=20.0, show_default=True, help="Seconds to cool down.")
@click.option("--lamp-hours", default=1234.0, show_default=True, help="What the lamp has burned already.")
@click.option("--idle-close", "idle_close_s", default=30.0, show_default=True, help="Seconds until it hangs up.")
@click.option("--slow", "slow_s", default=3.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@fault_option(FAULTS)
def command(
    port: int,
    host: str,
    password_env: str | None,
    password: str | None,
    auth: Auth,
    pjlink_class: str,
    warm_up_s: float,
    cool_down_s: float,
    lamp_hours: float,
    idle_close_s: float,
    slow_s: float,
    faults: tuple[str, ...],
) -> None:
    """A projector that speaks PJLink (TCP, UDP search), with real warming and cooling times."""
    if password_env is not None:
        password = os.environ.get(password_env)
        if not password:
            raise click.BadParameter(f"the environment variable {password_env} is not set", param_hint="--password-env")
    run(
        lambda: PjlinkProjector(
            port=port,
            host=host,
            password=password,
            auth=auth,
            pjlink_class=int(pjlink_class),
            warm_up_s=warm_up_s,
            cool_down_s=cool_down_s,
            lamp_hours=lamp_hours,
            idle_close_s=idle_close_s,
            slow_s=slow_s,
            faults=faults,
        ),
        lambda projector: projector.address,
    )
