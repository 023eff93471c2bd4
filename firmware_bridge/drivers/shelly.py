"""A relay on the network that speaks HTTP: Shelly Plus, Pro and Mini, second generation and later.

Give the relay an address that stays (in your router or in its own settings). One device of the room is one relay; a
Shelly with several is written down several times, with the same `host` and another `relay`. If a password is set, give
it to lophoc in a file or an environment variable; it is proven by digest and never sent.

Control: `switch`. Readings: `switch`; with a meter inside also `power_w`, `energy_kwh`, `voltage_v`, `current_a`; and
`relay_temperature_c`, inside the relay. A relay that has switched itself off (`overpower`, `overtemp`, `overvoltage`,
`undervoltage`) is a fault.

Source: Shelly Gen2 Device API: `Switch.Set`, `Switch.GetStatus`, and Authentication (RFC 7616, SHA-256, user `admin`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel, Field, ValidationError

from classroom_profiles.capability import Capability, Command, Target, Value
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from classroom_profiles.wiring import Address
from firmware_bridge.driver import DriverKind, Wires, reading
from firmware_bridge.errors import BadReply, Refused, Timeout, Unreachable, WrongPassword
from firmware_bridge.host import Host, host_address
from firmware_bridge.secret import Secret, SecretMissing

SWITCH = Target(Capability.SWITCH)


class Options(Model):
    host: Host = Field(description="the relay's address or name, such as 192.168.10.31")
    port: int = Field(80, ge=1, le=65535, description="its HTTP port")
    relay: int = Field(0, ge=0, le=15, description="which of its relays, counted from 0")
    password: Secret | None = Field(None, description="where its password is; leave out if it has none")
    poll_s: float = Field(2.0, gt=0, le=60, description="seconds between two looks at it")
    answer_s: float = Field(4.0, gt=0, le=30, description="seconds within which it must answer")


class _Total(BaseModel):
    total: float
    """Watt-hours."""


class _Temperature(BaseModel):
    tC: float | None = None


class _Status(BaseModel):
    """What `Switch.GetStatus` answers, as far as it is of use here."""

    output: bool
    apower: float | None = None
    voltage: float | None = None
    current: float | None = None
    aenergy: _Total | None = None
    temperature: _Temperature | None = None
    errors: tuple[str, ...] = ()

    @property
    def health(self) -> Health:
        return Health(HealthState.FAULT, self.errors[0]) if self.errors else Health(HealthState.ONLINE)

    def values(self) -> dict[str, tuple[Value, str]]:
        """Metric to value and unit."""
        energy_kwh = self.aenergy.total / 1000 if self.aenergy else None
        found: dict[str, tuple[Value | None, str]] = {
            "switch": (self.output, ""),
            "power_w": (self.apower, "W"),
            "voltage_v": (self.voltage, "V"),
            "current_a": (self.current, "A"),
            "energy_kwh": (energy_kwh, "kWh"),
            "relay_temperature_c": (self.temperature.tC if self.temperature else None, "°C"),
        }
        return {metric: (value, unit) for metric, (value, unit) in found.items() if value is not None}


class ShellyRelay:
    """One relay."""

    controls = (Control(SWITCH),)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client: httpx.AsyncClient | None = None
        self._conversation = asyncio.Lock()
        self._look_now = asyncio.Event()

    async def __aenter__(self) -> Self:
        options = self._options
        try:
            secret = options.password.read() if options.password else None
        except SecretMissing as missing:
            raise Refused(f"password: {missing}") from missing
        self._client = httpx.AsyncClient(
            base_url=f"http://{host_address(options.host, options.port).place}",
            auth=httpx.DigestAuth("admin", secret) if secret is not None else None,
            timeout=options.answer_s,
            trust_env=False,
        )
        try:
            await self._status()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def changes(self) -> AsyncIterator[Change]:
        health: Health | None = None
        values: dict[str, Value] = {}
        while True:
            self._look_now.clear()
            status = await self._status()
            if status.health != health:
                health = status.health
                yield health
            for change in _new(status, values):
                yield change
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.poll_s):
                    await self._look_now.wait()

    async def check(self, command: Command) -> None:
        _known(command)
        await self._status()

    async def command(self, command: Command) -> None:
        _known(command)
        await self._ask("Switch.Set", on="true" if command.value else "false")
        status = await self._status()
        self._look_now.set()
        if status.output is not command.value:
            if status.errors:
                raise Refused(f"it has switched itself off: {', '.join(status.errors)}")
            raise Timeout("it took the command, and its output did not change")

    async def _status(self) -> _Status:
        answer = await self._ask("Switch.GetStatus")
        try:
            return _Status.model_validate(answer)
        except ValidationError as wrong:
            raise BadReply(f"its status is not a relay's: {wrong.error_count()} fields are wrong") from wrong

    async def _ask(self, method: str, **parameters: str) -> Any:
        assert self._client is not None, "not open"
        async with self._conversation:
            try:
                async with asyncio.timeout(self._options.answer_s):
                    answer = await self._client.get(f"/rpc/{method}", params={"id": self._options.relay, **parameters})
                    return _content(answer)
            except (TimeoutError, httpx.TimeoutException) as late:
                raise Timeout(f"no answer to {method} within {self._options.answer_s:g} s") from late
            except httpx.RemoteProtocolError as wrong:
                raise BadReply(f"it does not speak HTTP: {wrong}") from wrong
            except httpx.HTTPError as wrong:
                raise Unreachable(f"no connection to {self._options.host}:{self._options.port}") from wrong

    async def _close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


def _known(command: Command) -> None:
    if command.target != SWITCH:
        raise Refused(f"a relay has no {command.target}")


def _new(status: _Status, values: dict[str, Value]) -> list[Reading]:
    """What differs from `values`, which then has it."""
    changed = [reading(m, value, unit) for m, (value, unit) in status.values().items() if values.get(m) != value]
    values.update({change.metric: change.value for change in changed})
    return changed


def _content(answer: httpx.Response) -> Any:
    if answer.status_code == 401:
        raise WrongPassword("password")
    try:
        content = answer.json()
    except ValueError as wrong:
        raise BadReply(f"its answer (HTTP {answer.status_code}) is not JSON") from wrong
    if answer.is_success:
        return content
    if isinstance(content, dict) and "code" in content:
        raise Refused(f"it says {content['code']}: {str(content.get('message'))[:80]}")
    raise BadReply(f"it answered HTTP {answer.status_code}")


def make(options: Options, _wires: Wires) -> ShellyRelay:
    return ShellyRelay(options)


def offer(_: Options) -> Offer:
    return Offer(frozenset((SWITCH,)), _MEASURED)


def address(options: Options) -> Address:
    return host_address(options.host, options.port, f"relay {options.relay}")


_MEASURED = frozenset(("power_w", "voltage_v", "current_a", "energy_kwh", "relay_temperature_c"))
_SAMPLE: dict[str, Any] = {"host": "192.168.10.31", "relay": 0, "password": {"env": "LOPHOC_RELAY_PASSWORD"}}
DRIVER = DriverKind(Options, make, _SAMPLE, offer, address)
