"""A Shelly relay of the second generation with a meter, that speaks HTTP and can be injured.

Source: Shelly Gen2 Device API, HTTP: `GET /rpc/<method>?<parameters>` answers the result as JSON, or a status from 400
up with `{"code", "message"}`. Authentication: digest by RFC 7616 with SHA-256, user `admin`, realm the device's id.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import click

from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.until_stopped import run

FAULTS = {
    "drop": "hangs up without an answer",
    "slow": "answers late",
    "garbage": "answers something that is not HTTP",
    "nonsense": "answers HTTP with something that is not a relay's status",
    "refuse": "takes no command (error -109)",
    "stuck": "takes commands, and its contact does not move",
    "overpower": "switches itself off, and stays so",
    "wrong-password": "takes no password",
}
_REALM = "shellyplus1pm-020000004c48"


class ShellyRelays:
    """A device with some relays at an address. What it was told, it remembers: `outputs`, `received`."""

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        password: str | None = None,
        relays: int = 1,
        load_w: float = 60.0,
        slow_s: float = 3.0,
        faults: Iterable[str] = (),
    ) -> None:
        self.host, self.port, self.password = host, port, password
        self.load_w, self.slow_s = load_w, slow_s
        self.outputs = [False] * relays
        self.received: list[str] = []
        """Method and parameters of every request that was let in."""
        self.changes = Changes()
        self.faults = Faults(FAULTS, faults, self._injured)
        self._nonces: set[str] = set()
        self._server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def press(self, relay: int, on: bool) -> None:
        """Somebody uses the switch on the wall."""
        self.outputs[relay] = on and "overpower" not in self.faults
        self.changes.tell()

    async def __aenter__(self) -> Self:
        """Raises OSError if the port is taken."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()

    def _injured(self) -> None:
        if "overpower" in self.faults:
            self.outputs = [False] * len(self.outputs)
        self.changes.tell()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer), name="shelly conversation")
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                if "drop" in self.faults:
                    return
                if "slow" in self.faults:
                    await asyncio.sleep(self.slow_s)
                writer.write(b"\x00\xff?\r\n\r\n" if "garbage" in self.faults else self._answer(first, headers))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, first: str, headers: dict[str, str]) -> bytes:
        method, _, rest = first.partition(" ")
        uri = rest.partition(" ")[0]
        if method != "GET":
            return _http(HTTPStatus.METHOD_NOT_ALLOWED, {"code": 405, "message": "Method not allowed"})
        if self.password is not None and not self._let_in(uri, headers.get("authorization", "")):
            nonce = secrets.token_hex(8)
            self._nonces.add(nonce)
            challenge = f'Digest qop="auth", realm="{_REALM}", nonce="{nonce}", algorithm=SHA-256'
            return _http(HTTPStatus.UNAUTHORIZED, None, f"WWW-Authenticate: {challenge}\r\n")
        parts = urlsplit(uri)
        return _http(*self._result(parts.path, {name: some[-1] for name, some in parse_qs(parts.query).items()}))

    def _let_in(self, uri: str, authorization: str) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', authorization.removeprefix("Digest ")))
        if given.get("nonce") not in self._nonces or given.get("uri") != uri or "wrong-password" in self.faults:
            return False
        ha1 = _sha256(f"admin:{_REALM}:{self.password}")
        ha2 = _sha256(f"GET:{uri}")
        proof = _sha256(f"{ha1}:{given['nonce']}:{given.get('nc')}:{given.get('cnonce')}:{given.get('qop')}:{ha2}")
        return given.get("username") == "admin" and secrets.compare_digest(proof, given.get("response", ""))

    def _result(self, path: str, parameters: dict[str, str]) -> tuple[HTTPStatus, Any]:
        self.received.append(f"{path} {parameters}")
        if path not in ("/rpc/Switch.Set", "/rpc/Switch.GetStatus"):
            return HTTPStatus.NOT_FOUND, {"code": 404, "message": "No handler for " + path.removeprefix("/rpc/")}
        number = parameters.get("id", "")
        if not number.isdecimal() or int(number) >= len(self.outputs):
            message = f"Argument 'id', value {number} not found!"
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"code": -105, "message": message}
        if path.endswith("GetStatus"):
            return HTTPStatus.OK, self._status(int(number))
        return self._set(int(number), parameters.get("on", ""))

    def _set(self, relay: int, on: str) -> tuple[HTTPStatus, Any]:
        if on not in ("true", "false"):
            message = "Missing or bad argument 'on'!"
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"code": -103, "message": message}
        if "refuse" in self.faults:
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"code": -109, "message": "Not possible now"}
        was = self.outputs[relay]
        if "stuck" not in self.faults:
            self.press(relay, on == "true")
        return HTTPStatus.OK, {"was_on": was}

    def _status(self, relay: int) -> dict[str, Any]:
        if "nonsense" in self.faults:
            return {"id": relay, "output": "perhaps"}
        power = self.load_w if self.outputs[relay] else 0.0
        status: dict[str, Any] = {
            "id": relay, "source": "HTTP_in", "output": self.outputs[relay],
            "apower": power, "voltage": 229.8, "current": round(power / 229.8, 3),
            "aenergy": {"total": 1234.5, "by_minute": [0.0, 0.0, 0.0], "minute_ts": 1790000000},
            "temperature": {"tC": 41.2, "tF": 106.1},
        }  # fmt: skip
        return {**status, "errors": ["overpower"]} if "overpower" in self.faults else status


def _http(status: HTTPStatus, content: Any, more: str = "") -> bytes:
    body = b"" if content is None else json.dumps(content).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nServer: ShellyHTTP/1.0.0\r\n{more}"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@click.command()
@click.option("--port", default=8081, show_default=True, help="HTTP port; 0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--password-env", metavar="NAME", help="The environment variable that holds the password.")
@click.option("--relays", default=1, show_default=True, help="How many relays it has.")
@click.option("--slow", "slow_s", default=3.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@fault_option(FAULTS)
def command(
    port: int, host: str, password_env: str | None, relays: int, slow_s: float, faults: tuple[str, ...]
) -> None:
    """A relay with a meter that speaks HTTP, as Shelly's second generation does."""
    password = os.environ.get(password_env) if password_env else None
    if password_env and not password:
        raise click.BadParameter(f"the environment variable {password_env} is not set", param_hint="--password-env")
    run(
        lambda: ShellyRelays(port, host, password, relays, slow_s=slow_s, faults=faults),
        lambda device: device.address,
    )
