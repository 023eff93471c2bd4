"""A projector on the network that speaks PJLink, class 1 or 2: nearly every projector with a network socket.

Switch PJLink (at Epson: "network control" or "basic control") on in the projector's own menu, and let it stay on
the network in standby. If a password is set there, give it to lophoc in a file or an environment variable. It is
proven by SHA-256 where the projector can (PJLink 2.10, 2024), else by MD5.

Controls: `power`; `input`; `switch.mute` (picture and sound off, the lamp stays on: AVMT); `switch.freeze` (class 2).
Turning on is done when the lamp is warm. What comes while it warms up or cools down waits for the moment when the
projector takes it. It is told to turn off once, and only while it is on.

Inputs have the names `rgb1`, `video1`, `hdmi1` (any digital one), `storage1`, `network1`, `internal1`, numbered as the
projector numbers its terminals (31 is `hdmi1`, 5A is `networka`). A class 2 projector tells what is printed beside
them: the terminal labelled 'HDMI 2' is then `hdmi2`, whatever its number. A room may name them itself (`inputs`).

Readings: `power`; `input`; `switch_mute`; `switch_freeze`; `fault` and `warning` (of fan, lamp, temperature, cover,
filter, other; several with commas; empty if none); `lamp_h` (and `lamp_2_h` …) and `filter_h`, in hours.

Source: PJLink Specifications, Class 2 Version 2.10 (JBMIA, 2024); see `firmware_bridge.pjlink_wire`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from classroom_profiles.capability import Capability, Target, Value
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.state import Control
from firmware_bridge import pjlink_wire as wire
from firmware_bridge.driver import DriverKind, Wires
from firmware_bridge.errors import BadReply, NotNow, Refused
from firmware_bridge.host import Host, host_address
from firmware_bridge.pjlink_link import PjlinkLink, Proof
from firmware_bridge.pjlink_wire import Failure, Reply, Request, Troubles
from firmware_bridge.projector import HOURS_EVERY_S, INPUT, POWER, Phase, Projector, Sight
from firmware_bridge.secret import Secret, SecretMissing

_Parsed = TypeVar("_Parsed")

InputName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 _-]{0,31}$")]
InputNumber = Annotated[str, StringConstraints(pattern=r"^[1-6][1-9A-Z]$")]


class Options(Model):
    host: Host = Field(description="the projector's address or name, such as 192.168.10.21")
    port: int = Field(wire.PORT, ge=1, le=65535, description="its TCP port")
    password: Secret | None = Field(None, description="where its PJLink password is; leave out if it has none")
    proof: Proof = Field(
        Proof.AUTO, description="how the password is proven: 'auto' by SHA-256 if it can, else by MD5; or one of them"
    )
    inputs: dict[InputName, InputNumber] = Field(
        default_factory=dict, description="names of your own for inputs, such as {laptop: '32'}; the others keep theirs"
    )
    poll_s: float = Field(5.0, gt=0, le=25, description="seconds between two looks at it; it hangs up after 30")
    answer_s: float = Field(5.0, gt=0, le=30, description="seconds within which it must answer")
    patience_s: float = Field(
        20.0, gt=0, le=120, description="seconds for which it may say 'not now' although it is on, or do nothing"
    )


@dataclass(frozen=True, slots=True)
class _Switch:
    body: str
    klass: int
    on: str
    off: str
    parse: Callable[[str], bool]


_SWITCHES = {
    Target(Capability.SWITCH, "mute"): _Switch("AVMT", 1, "31", "30", wire.picture_muted),
    Target(Capability.SWITCH, "freeze"): _Switch("FREZ", 2, "1", "0", wire.flag),
}
_PHASES = {"0": Phase.STANDBY, "1": Phase.ON, "2": Phase.COOLING, "3": Phase.WARMING}


class PjlinkSet:
    """What a PJLink projector has, and how it is asked and told. A `ProjectorWire`."""

    def __init__(self, options: Options, link: PjlinkLink | None = None) -> None:
        self._options = options
        self._link = link
        self._klass = 1
        self._unknown: set[str] = set()
        """Commands that this projector does not have, or answers in a way that nobody understands."""
        self._names: dict[str, str] = dict(options.inputs)
        """Name to number of each input."""
        self._names_known = False
        """True once the projector has said which inputs it has."""
        self._phase = Phase.STANDBY
        self._troubles = Troubles((), ())
        self._hours: dict[str, Value | None] = {}
        self._hours_at = float("-inf")

    @property
    def controls(self) -> tuple[Control, ...]:
        switches = [Control(target) for target, switch in _SWITCHES.items() if self._has(switch)]
        return (Control(POWER), Control(INPUT, tuple(self._names)), *switches)

    async def open(self) -> None:
        if self._link is None:
            self._link = self._new_link()
        self._klass = 2 if (await self._ask("CLSS", parse=str)) == "2" else 1
        await self._learn_inputs()

    async def close(self) -> None:
        if self._link is not None:
            await self._link.close()

    async def look(self) -> Sight:
        power = await self._reply(Request("POWR"))
        if power.failure is None:
            self._phase = _phase(power.parameter)
        elif power.failure not in (Failure.NOT_NOW, Failure.DEVICE):  # some say ERR3 here between two states
            raise BadReply(f"it answered {power.failure} to POWR, which every projector knows")
        self._troubles = await self._ask("ERST", parse=Troubles.parse) or self._troubles
        errors = tuple(map(str, self._troubles.errors)) or (("device",) if power.failure is Failure.DEVICE else ())
        values: dict[str, Value | None] = {}
        if self._phase is Phase.ON:
            if not self._names_known:
                await self._learn_inputs()
            number = await self._ask("INPT", self._klass, parse=wire.input_number)
            if "INPT" not in self._unknown:
                values["input"] = None if number is None else self._name_of(number)
            for target, switch in _SWITCHES.items():
                if self._has(switch):
                    values[target.metric] = await self._ask(switch.body, switch.klass, parse=switch.parse)
        if asyncio.get_running_loop().time() - self._hours_at >= HOURS_EVERY_S:
            await self._read_hours()
        return Sight(self._phase, errors, tuple(map(str, self._troubles.warnings)), {**values, **self._hours})

    def meant(self, target: Target, value: Value) -> Value:
        if not any(control.target == target for control in self.controls):
            raise Refused(f"a PJLink projector has no {target}")
        if target != INPUT:
            return bool(value)
        name = str(value).lower()
        if name in self._names:
            return name
        number = wire.number_of(name)
        if number is not None:
            if not self._names_known:
                return self._name_of(number)
            if name.upper() in self._names.values():
                return self._name_of(name.upper())
            if (usual := wire.input_name(number)) in self._names:
                return usual
        raise Refused(f"it has no input '{value}'; it has: {', '.join(self._names) or 'none that it tells of'}")

    async def tell(self, target: Target, value: Value) -> None:
        if target == POWER:
            request = Request("POWR", "1" if value else "0")
        elif target == INPUT:
            number = self._names.get(str(value)) or wire.number_of(str(value)) or str(value)
            request = Request("INPT", number, self._klass)
        else:
            switch = _SWITCHES[target]
            request = Request(switch.body, switch.on if value else switch.off, switch.klass)
        reply = await self._reply(request)
        match reply.failure:
            case Failure.NOT_NOW:
                raise NotNow(f"it says that it cannot now (ERR3 to {request.body})")
            case Failure.DEVICE:
                raise Refused(f"it reports that it is broken (ERR4 to {request.body})")
            case Failure.UNDEFINED | Failure.PARAMETER:
                raise Refused(f"it does not know {request.body} {request.parameter} ({reply.failure})")
        if not reply.done:
            raise BadReply(f"it answered {reply.parameter[:40]!r} to {request.body}")

    def _new_link(self) -> PjlinkLink:
        options = self._options
        try:
            password = options.password.read() if options.password else None
        except SecretMissing as missing:
            raise Refused(f"password: {missing}") from missing
        return PjlinkLink(options.host, options.port, password, options.proof, options.answer_s)

    async def _reply(self, request: Request) -> Reply:
        assert self._link is not None
        return await self._link.ask(request)

    async def _ask(
        self, body: str, klass: int = 1, parameter: str = "?", *, parse: Callable[[str], _Parsed]
    ) -> _Parsed | None:
        """What it says; None if it does not say now, or never does."""
        if body in self._unknown:
            return None
        reply = await self._reply(Request(body, parameter, klass))
        match reply.failure:
            case None:
                try:
                    return parse(reply.parameter)
                except BadReply:
                    self._unknown.add(body)
            case Failure.UNDEFINED | Failure.PARAMETER if parameter == "?":
                self._unknown.add(body)
        return None

    def _has(self, switch: _Switch) -> bool:
        return switch.klass <= self._klass and switch.body not in self._unknown

    async def _learn_inputs(self) -> None:
        """Which inputs it has; some sets do not say it in standby."""
        numbers = await self._ask("INST", self._klass, parse=wire.input_numbers) or ()
        labels: dict[str, str] = {}
        if self._klass == 2:
            for number in numbers:
                labels[number] = await self._ask("INNM", 2, f"?{number}", parse=str) or ""
        self._names = wire.input_names(numbers, labels, self._options.inputs)
        self._names_known = bool(numbers)

    def _name_of(self, number: str) -> str:
        return next((name for name, one in self._names.items() if one == number), wire.input_name(number))

    async def _read_hours(self) -> None:
        lamps = await self._ask("LAMP", parse=wire.lamp_hours) or ()
        filters = await self._ask("FILT", 2, parse=wire.hours) if self._klass == 2 else None
        self._hours = {f"lamp_{number}_h" if number > 1 else "lamp_h": hours for number, hours in enumerate(lamps, 1)}
        if filters is not None:
            self._hours["filter_h"] = filters
        self._hours_at = asyncio.get_running_loop().time()


def _phase(parameter: str) -> Phase:
    try:
        return _PHASES[parameter]
    except KeyError as wrong:
        raise BadReply(f"POWR is 0 to 3, not {parameter[:40]!r}") from wrong


def make(options: Options, _wires: Wires) -> Projector:
    return Projector(PjlinkSet(options), poll_s=options.poll_s, patience_s=options.patience_s)


def offer(_: Options) -> Offer:
    """As of class 2: which class it is, only the projector knows."""
    return Offer(frozenset((POWER, INPUT, *_SWITCHES)))


DRIVER = DriverKind(
    Options,
    make,
    {"host": "192.168.10.21", "password": {"env": "LOPHOC_PROJECTOR_PASSWORD"}, "inputs": {"laptop": "32"}},
    offer,
    lambda options: host_address(options.host, options.port),
)
