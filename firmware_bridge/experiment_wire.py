"""The wire of a bench with an experiment: one JSON object a line, as docs/simulators.md has it. Bytes in, bytes out."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from classroom_profiles.experiment import About, Output, Parameter, RunState, Setting
from classroom_profiles.model import Name
from firmware_bridge.errors import BadReply

PROTOCOL = 1
LONGEST_LINE = 65_536

_Word = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
_Value = float | Annotated[str, msgspec.Meta(max_length=64)]
_Values = Annotated[dict[_Word, _Value], msgspec.Meta(max_length=64)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of the other side; what it says beyond that is its own."""


class _Shown(_Told, frozen=True):
    vi: _Text
    en: _Text

    @property
    def name(self) -> Name:
        return Name(vi=self.vi, en=self.en)


class _Parameter(_Shown, frozen=True, kw_only=True):
    name_: _Word = msgspec.field(name="name")
    effect: Literal["at-once", "at-reset"]
    default: _Value
    unit: Annotated[str, msgspec.Meta(max_length=16)] = ""
    low: float | None = None
    high: float | None = None
    options: Annotated[dict[str, _Shown], msgspec.Meta(max_length=64)] = {}


class _Output(_Shown, frozen=True, kw_only=True):
    name_: _Word = msgspec.field(name="name")
    unit: Annotated[str, msgspec.Meta(max_length=16)] = ""


class _Clock(_Told, frozen=True, kw_only=True):
    unit: Annotated[str, msgspec.Meta(max_length=16)] = "s"
    output: _Word | None = None


class Described(_Told, frozen=True, kw_only=True):
    protocol: int
    experiment: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    simulated: bool
    name: _Shown
    rate_hz: Annotated[float, msgspec.Meta(gt=0, le=1e5)]
    speed: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 1.0
    ideal: bool = False
    session: Annotated[str, msgspec.Meta(max_length=64)] = ""
    software: Annotated[dict[str, Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=16)] = {}
    parameters: Annotated[list[_Parameter], msgspec.Meta(max_length=64)]
    outputs: Annotated[list[_Output], msgspec.Meta(max_length=64)]
    clock: _Clock = _Clock()

    def about(self) -> About:
        """Raises BadReply for another protocol."""
        if self.protocol != PROTOCOL:
            raise BadReply(f"it speaks protocol {self.protocol}, and not {PROTOCOL}")
        own_time = self.clock.output
        time = Output(own_time, Name(vi="Thời gian", en="Time"), self.clock.unit) if own_time else None
        return About(
            self.experiment,
            self.name.name,
            self.simulated,
            tuple(_parameter(one) for one in self.parameters),
            (*([time] if time else ()), *(Output(one.name_, one.name, one.unit) for one in self.outputs)),
            self.rate_hz,
            self.speed,
            self.ideal,
            self.session,
            dict(self.software),
        )


class Status(_Told, frozen=True, kw_only=True):
    state: Literal["idle", "running", "paused"]
    run: _Count
    next_n: _Count
    seed: _Count
    parameters: _Values
    at_reset: _Values = {}
    fault: Annotated[str, msgspec.Meta(max_length=1000)] = ""

    def of(self, about: About) -> RunState:
        return RunState(about, self.state, self.run, self.next_n, self.seed, self.parameters, self.at_reset, self.fault)


class Told(_Told, frozen=True, kw_only=True):
    """One line: an answer (`ok`), a sample, or the status that somebody changed."""

    id: int | str | None = None
    ok: bool | None = None
    error: str = ""
    message: str = ""
    describe: Described | None = None
    status: Status | None = None
    first_n: _Count | None = None
    sample: dict[str, float] | None = None


_DECODER = msgspec.json.Decoder(Told)
_ENCODER = msgspec.json.Encoder()


def told(line: bytes) -> Told:
    """Raises BadReply."""
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadReply(f"it said what is no line of its protocol: {str(wrong)[:120]}") from wrong


def request(request_id: int, do: str, more: Mapping[str, object]) -> bytes:
    return _ENCODER.encode({"do": do, "id": request_id, **more}) + b"\n"


def wanted(state: RunState) -> dict[str, Setting]:
    """Every parameter as it was set, whether it counts already or not."""
    return {**state.parameters, **state.at_reset}


def _parameter(one: _Parameter) -> Parameter:
    options = {word: shown.name for word, shown in one.options.items()}
    return Parameter(one.name_, one.name, one.default, one.unit, one.low, one.high, options, one.effect == "at-reset")
