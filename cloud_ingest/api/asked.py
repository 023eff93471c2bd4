"""What the city's API is asked: the fields of its questions, each once. A field that is none is refused by name."""

from datetime import date
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.alarms.alarm import AlarmState
from cloud_ingest.api.times import LENGTHS
from cloud_ingest.forecasts.forecast import Wear
from cloud_ingest.gateways import State
from cloud_ingest.operations.choosing import Wanted, WrongQuestion
from cloud_ingest.operations.rows import Health

SLUG = "^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$"
METRIC = "^[a-z][a-z0-9_]{0,47}$"
JSON_MOST = 1_000
CSV_MOST = 30_000

SchoolName = Annotated[str, Path(pattern=SLUG, description="A school's slug.")]
RoomName = Annotated[str, Path(pattern=SLUG, description="A room's slug.")]
DeviceName = Annotated[str, Path(pattern=SLUG, description="A device's slug.")]
MetricName = Annotated[str, Path(pattern=METRIC, description="A metric, such as `co2_ppm`.")]

_SCHOOL = Field(None, pattern=SLUG, description="Only this school.")
_FIND = Field("", max_length=100, description="Only rows with this in their names; marks need not be typed.")
_WHEN = "ISO 8601 with an offset, or how long ago: 90s, 15m, 24h, 365d."
_SINCE = Field("24h", max_length=40, description=_WHEN)
_UNTIL = Field(None, max_length=40, description="ISO 8601 with an offset, or how long ago; left out: now.")


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Paged(Question):
    limit: int | None = Field(
        None, ge=1, le=CSV_MOST,
        description=f"Rows of a page: 100 if left out, at most {JSON_MOST}; as CSV {CSV_MOST}.",
    )  # fmt: skip
    cursor: str | None = Field(None, max_length=600, description="`next` of the page before.")

    def rows(self, *, is_csv: bool) -> int:
        """Raises WrongQuestion."""
        if is_csv:
            return self.limit or CSV_MOST
        if self.limit is not None and self.limit > JSON_MOST:
            raise WrongQuestion("limit", f"at most {JSON_MOST}, or ask for CSV")
        return self.limit or 100


class OfSchools(Paged):
    find: str = _FIND
    health: list[Health] | None = Field(None, description="Only schools that are so; repeatable.")
    ward: str | None = Field(None, max_length=120)
    level: str | None = Field(None, max_length=120)


class OfRooms(Paged):
    find: str = _FIND
    school: str | None = _SCHOOL
    health: list[Health] | None = Field(None, description="Only rooms that are so; repeatable.")
    state: list[State] | None = Field(None, description="Only rooms whose gateway is in this state; repeatable.")
    lesson: str | None = Field(None, max_length=64, description="Only rooms where this profile runs or is ready.")


class OfGateways(Paged):
    find: str = _FIND
    school: str | None = _SCHOOL
    state: list[State] | None = Field(None, description="Only gateways in this state; repeatable.")


class OfEquipment(Paged):
    find: str = _FIND
    school: str | None = _SCHOOL
    room: str | None = Field(None, pattern=SLUG, description="Only this room; with `school`.")
    health: list[Health] | None = Field(None, description="Only devices that are so; repeatable.")
    role: str | None = Field(None, pattern=SLUG)


class OfAlarms(Paged):
    """Without `state`: those that hold, open or acknowledged."""

    find: str = _FIND
    state: list[AlarmState] | None = Field(None, description="Only alarms in this state; repeatable.")
    severity: list[Literal["note", "warning", "major", "critical"]] | None = Field(None, description="Repeatable.")
    school: str | None = _SCHOOL
    room: str | None = Field(None, pattern=SLUG)
    rule: str | None = Field(None, max_length=64)
    assigned_to: str | None = Field(None, max_length=100)
    muted: bool | None = Field(None, description="Left out: muted or not.")
    newest_first: bool = Field(False, description="Else the worst and widest come first.")


class OfForecasts(Paged):
    find: str = Field("", max_length=100, description="Only those with this in a slug, a metric or a school's name.")
    school: str | None = _SCHOOL
    wear: Wear | None = Field(None, description="Only what wears out so.")
    until: date | None = Field(None, description="Only what is expected by this day.")


class OfProfiles(Paged):
    school: str | None = _SCHOOL


class OfSchool(Question):
    school: str | None = Field(None, pattern=SLUG, description="For this school; left out: for the whole city.")


class OfProgress(Paged):
    find: str = Field("", max_length=100, description="Only schools with this in their slug or name.")
    school: str | None = _SCHOOL
    troubled: bool = Field(False, description="Only schools where a gateway has refused it or is behind.")


class OfTimetable(Question):
    dry_run: bool = Field(False, description="Only say what would be published.")
    ends: date | None = Field(
        None, description="Last day of the school year, for lessons that have no end; left out: 31 May."
    )
    location: list[str] | None = Field(
        None, max_length=500, description="What a LOCATION is here: `Phòng 101=a101`; repeatable."
    )


class OfDays(Paged):
    pass


class OfSeries(Question):
    measurement: Measurement = Field(Measurement.READING)
    device: str = Field(pattern=SLUG)
    role: str = Field(pattern=SLUG)
    metric: str = Field(pattern=METRIC)
    since: str = _SINCE
    until: str | None = _UNTIL

    def series(self, room: str) -> Series:
        return Series(self.measurement, room, self.device, self.role, self.metric)


class OfWindows(OfSeries):
    window: str | None = Field(
        None, pattern=f"^({'|'.join(LENGTHS)})$", description="If left out: the shortest that a chart can show."
    )


class OfPoints(OfSeries, Paged):
    pass


class OfTime(Question):
    since: str = _SINCE
    until: str | None = _UNTIL


class OfNow(Question):
    since: str = Field("15m", max_length=40, description=f"Only what was measured then or later. {_WHEN}")


class OfGaps(Question):
    since: str = _SINCE
    period_s: float | None = Field(None, ge=1, le=86_400, description="What the series should keep to.")


class OfUsage(Question):
    since: str = Field("30d", max_length=40, description=_WHEN)
    until: str | None = _UNTIL
    school: str | None = _SCHOOL


class OfFailures(Question):
    school: str | None = _SCHOOL


def wanted(asked: Paged, *, is_csv: bool, after: tuple[str, ...] | None) -> Wanted:
    """As the city takes it; only the page is read, and the rest of the city is not counted. Raises WrongQuestion."""
    given = asked.model_dump()
    health, state = given.get("health"), given.get("state")
    return Wanted(
        find=given.get("find", ""),
        school=given.get("school"),
        room=given.get("room"),
        health=None if health is None else frozenset(health),
        state=None if state is None else frozenset(state),
        ward=given.get("ward"),
        level=given.get("level"),
        role=given.get("role"),
        lesson=given.get("lesson"),
        after=after,
        limit=asked.rows(is_csv=is_csv),
        want_total=False,
    )
