"""What a file of alarm rules says: which series or gateways, when it is wrong, how bad that is, and how to say it."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from classroom_profiles.metrics import CLOSED, find
from classroom_profiles.model import Model, Name, Sentence, Slug
from classroom_profiles.telemetry import Measurement
from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.gateways import State

Word = Literal["note", "warning", "major", "critical"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
GatewayState = Literal[
    "off", "unreachable", "silent", "buffering", "clock untrusted", "journal not writable", "flapping"
]
_EMAIL = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"
PLACES = ("value", "unit", "limit", "count", "total", "school", "schools", "all_schools", "where")
"""What may stand in braces in the words of a rule."""


def _glob(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_*?-]{1,48}", text):
        raise ValueError("a name in which '*' stands for any letters and '?' for one")
    return text


def _words(sentence: Sentence) -> Sentence:
    for text in (sentence.vi, sentence.en):
        for place in re.findall(r"\{([^{}]*)\}", text):
            if place not in PLACES:
                raise ValueError(f"'{{{place}}}' stands for nothing; there are {', '.join(PLACES)}")
    return sentence


Glob = Annotated[str, AfterValidator(_glob)]
Words = Annotated[Sentence, AfterValidator(_words)]
Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
DateText = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Seconds = Annotated[float, Field(ge=0, le=400 * 86_400)]


class Series(Model):
    """Which series a rule is about."""

    measurement: Measurement = Field(description="reading, device, lesson, gateway, event, …")
    metric: Glob = Field(description="such as co2_ppm; '*' stands for anything")
    role: Glob = Field("*", description="such as projector")
    schools: tuple[Glob, ...] = Field(("*",), min_length=1, description="such as thcs-*")
    rooms: tuple[Glob, ...] = Field(("*",), min_length=1, description="such as lab-*")

    @model_validator(mode="after")
    def _somebody_writes_it(self) -> Self:
        is_open = any(each in self.metric for each in "*?") or self.measurement not in CLOSED
        if not is_open and find(self.measurement, self.metric) is None:
            raise ValueError(f"nothing writes the metric '{self.metric}' of '{self.measurement.value}'")
        return self


class Gateways(Model):
    """Which gateways a rule is about."""

    states: tuple[GatewayState, ...] = Field(min_length=1, description="any of these is wrong")
    schools: tuple[Glob, ...] = Field(("*",), min_length=1, description="such as thcs-*")


class _Rule(Model):
    id: Slug = Field(description="short, and never used again for something else")
    name: Name = Field(description="what is wrong, in a few words")
    says: Words = Field(description="what an alarm says; {value}, {unit}, {limit}, {where}, {school}")
    school_says: Words | None = Field(None, description="if most of a school has it; {count}, {total}, {school}")
    city_says: Words | None = Field(None, description="if many schools have it at once; {schools}, {count}, {where}")
    all_says: Words | None = Field(None, description="if nearly all schools have it at once")
    severity: Word = Field(description="note, warning, major or critical")
    school_severity: Word | None = Field(None, description="if most of a school has it; else as one")
    city_severity: Word | None = Field(None, description="if many schools have it at once; else as of a school")
    for_s: Seconds = Field(0, description="it must hold so long")
    hold_s: Seconds = Field(60, description="an alarm waits so long for a wider cause to show")
    clear_after_s: Seconds = Field(60, description="it clears when it has not held for so long")
    schedule: Slug | None = Field(None, description="alarms are raised in these hours only; else always")
    unless: tuple[Slug, ...] = Field((), description="rules: while one holds for the same gateway or device, not this")
    together: Literal["no", "school", "city"] = Field("school", description="how far alarms become one")


class Threshold(_Rule):
    """A number is too high, or too low."""

    kind: Literal["threshold"]
    of: Series
    above: float | None = Field(None, description="wrong when above this; or say `below`")
    below: float | None = Field(None, description="wrong when below this")
    clear_below: float | None = Field(None, description="right again when below this; else `above`")
    clear_above: float | None = Field(None, description="right again when above this; else `below`")
    late_s: Seconds = Field(900, description="a value that comes later than this is not of now")

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("say 'above' or 'below', one of them")
        if (self.clear_below is not None and self.above is None) or (
            self.clear_above is not None and self.below is None
        ):
            raise ValueError("'clear_below' goes with 'above', 'clear_above' with 'below'")
        if self.above is not None and self.clear_below is not None and self.clear_below > self.above:
            raise ValueError("'clear_below' is at most 'above'")
        if self.below is not None and self.clear_above is not None and self.clear_above < self.below:
            raise ValueError("'clear_above' is at least 'below'")
        return self


class Value(_Rule):
    """A value is one of those that are wrong: a state, a flag, a health."""

    kind: Literal["value"]
    of: Series
    one_of: tuple[bool | str | float, ...] = Field(min_length=1, description="the values that are wrong")
    late_s: Seconds = Field(86_400, description="a value that comes later than this is not of now")


class Rate(_Rule):
    """A number rises or falls too fast."""

    kind: Literal["rate"]
    of: Series
    rises: float | None = Field(None, gt=0, description="wrong when it rises by more than this; or say `falls`")
    falls: float | None = Field(None, gt=0, description="wrong when it falls by more than this")
    over_s: float = Field(gt=0, le=7 * 86_400, description="within so long")
    clear_share: float = Field(0.5, ge=0, le=1, description="right again at this share of it")
    late_s: Seconds = Field(900, description="a value that comes later than this is not of now")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.rises is None) == (self.falls is None):
            raise ValueError("say 'rises' or 'falls', one of them")
        return self


class Silence(_Rule):
    """Nothing new comes of a series that once did."""

    kind: Literal["silence"]
    of: Series
    after_s: float = Field(gt=0, le=30 * 86_400, description="so long")


class Stuck(_Rule):
    """A number is measured again and again and never changes."""

    kind: Literal["stuck"]
    of: Series
    after_s: float = Field(gt=0, le=30 * 86_400, description="for so long")
    within: float = Field(0, ge=0, description="what is no change")
    late_s: Seconds = Field(900, description="a value that comes later than this is not of now")


class Event(_Rule):
    """Something happened that is written down once."""

    kind: Literal["event"]
    of: Series
    cleared_by: Glob | None = Field(None, description="the metric of the same device that says it is over")
    lasts_s: float = Field(86_400, gt=0, le=30 * 86_400, description="without that, an alarm clears after this")
    late_s: Seconds = Field(3_600, description="an event that comes later than this is history")


class Forecast(_Rule):
    """Something will reach its end within so many days, as forecasts say."""

    kind: Literal["forecast"]
    metric: Glob = Field(description="what is forecast, such as lamp_h")
    role: Glob = Field("*", description="such as projector")
    schools: tuple[Glob, ...] = Field(("*",), min_length=1)
    rooms: tuple[Glob, ...] = Field(("*",), min_length=1)
    within_days: float = Field(gt=0, le=3_660, description="by the early end of the forecast's interval")


class GatewayRule(_Rule):
    """A gateway is in a state that is wrong."""

    kind: Literal["gateway"]
    of: Gateways


Rule = Annotated[
    Threshold | Value | Rate | Silence | Stuck | Event | Forecast | GatewayRule, Field(discriminator="kind")
]
SeriesRule = Threshold | Value | Rate | Silence | Stuck | Event


class Hours(Model):
    """When alarms are raised, in the city's time (Asia/Ho_Chi_Minh)."""

    days: tuple[Day, ...] = Field(("mon", "tue", "wed", "thu", "fri", "sat"), min_length=1)
    start: Time = Field("06:30", description="HH:MM")
    end: Time = Field("17:30", description="HH:MM, later than `start`")
    holidays: bool = Field(False, description="also on holidays")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("'end' is later than 'start', on the same day")
        return self


class Holiday(Model):
    """Days without school: from the first to the last, both included."""

    first: DateText
    last: DateText | None = Field(None, description="else one day")
    name: str = Field("", max_length=80)


class Together(Model):
    """When alarms of many become one."""

    school_share: float = Field(0.6, gt=0, le=1, description="of a school's gateways or devices")
    school_leaves_share: float = Field(0.4, ge=0, le=1, description="below this it is of the school no longer")
    schools_least: int = Field(5, ge=2, description="so many schools at once are one incident")
    schools_share: float = Field(0.01, gt=0, le=1, description="and at least this share of all schools")
    within_s: float = Field(120, gt=0, le=3_600, description="at once: one follows the other within this")
    all_share: float = Field(0.9, gt=0, le=1, description="nearly all: then it is the centre's own side")
    settle_s: float = Field(15, ge=0, le=600, description="an incident waits so long for one more school")


class MailStep(Model):
    """Who is written to about alarms that nobody has acknowledged."""

    id: Slug = Field(description="short, and never used again for somebody else")
    email: tuple[Annotated[str, Field(pattern=_EMAIL)], ...] = Field(min_length=1, max_length=20)
    after_min: float = Field(0, ge=0, le=7 * 1440, description="when it has been unacknowledged for so long")
    severity: Word = Field("major", description="this and worse")
    schools: tuple[Glob, ...] = Field(("*",), min_length=1, description="such as thcs-*")
    language: Literal["vi", "en"] = "vi"


class RuleSet(Model):
    """A file of rules."""

    schedules: dict[str, Hours] = Field(default_factory=dict)
    holidays: tuple[Holiday, ...] = ()
    holidays_file: str | None = Field(None, description="an iCalendar file of holidays, beside this file")
    together: Together = Together()
    escalation: tuple[MailStep, ...] = ()
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=500)


def severity_of(rule: Rule, width: Literal["one", "school", "city"]) -> Severity:
    one, school, city = rule.severity, rule.school_severity, rule.city_severity
    word = {"one": one, "school": school or one, "city": city or school or one}[width]
    return Severity.of(word)


STATES: dict[State, GatewayState] = {
    State.OFF: "off",
    State.UNREACHABLE: "unreachable",
    State.SILENT: "silent",
    State.BUFFERING: "buffering",
    State.CLOCK_UNTRUSTED: "clock untrusted",
}
