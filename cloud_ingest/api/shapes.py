"""What the city's API answers, as its OpenAPI page shows it. Times are ISO 8601 with an offset; null is never."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from classroom_profiles.capability import Value
from classroom_profiles.metrics import unit
from cloud_ingest.alarms.alarm import Alarm as KeptAlarm
from cloud_ingest.alarms.alarm import AlarmState
from cloud_ingest.alarms.webhooks import Webhook as KeptWebhook
from cloud_ingest.api.times import shown
from cloud_ingest.gap_report import SeriesGaps
from cloud_ingest.gaps import Reason
from cloud_ingest.gateways import State
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.operations.register import Item
from cloud_ingest.operations.rows import DeviceRow, GatewayRow, Health, RoomRow, SchoolRow
from cloud_ingest.operations.usage import Lesson, ProfileUse
from cloud_ingest.store import Sample, SchoolTotals
from cloud_ingest.windows import Span, Window


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class RoomCounts(Shape):
    """How many rooms are how."""

    down: int
    faulty: int
    unknown: int
    off: int
    working: int


class School(Shape):
    school: str
    name: str
    ward: str
    level: str
    latitude: float | None
    longitude: float | None
    rooms: int
    rooms_down: int
    rooms_faulty: int
    rooms_unknown: int
    rooms_off: int
    rooms_working: int
    health: Health
    faults: int = Field(description="Devices in fault or unreachable.")
    open_alarms: int
    seen: str | None

    @classmethod
    def of(cls, row: SchoolRow) -> "School":
        down, faulty, unknown, off, working = row.by_health
        return cls(
            school=row.school, name=row.name, ward=row.ward, level=row.level, latitude=row.latitude,
            longitude=row.longitude, rooms=row.rooms, rooms_down=down, rooms_faulty=faulty, rooms_unknown=unknown,
            rooms_off=off, rooms_working=working, health=row.health, faults=row.faults, open_alarms=row.open_alarms,
            seen=shown(row.seen_us),
        )  # fmt: skip


class Room(Shape):
    school: str
    room: str
    gateway: str
    condition: State | None = Field(description="Of its gateway; null if it has none.")
    health: Health
    lesson: str = Field(description="The profile that runs or is ready; empty if none.")
    lesson_state: str
    lesson_since: str | None
    faults: int
    devices: int
    simulated: bool
    seen: str | None

    @classmethod
    def of(cls, row: RoomRow) -> "Room":
        return cls(
            school=row.school, room=row.room, gateway=row.gateway, condition=row.condition, health=row.health,
            lesson=row.lesson, lesson_state=row.lesson_state, lesson_since=shown(row.lesson_since_us),
            faults=row.faults, devices=row.devices, simulated=row.simulated, seen=shown(row.seen_us),
        )  # fmt: skip


class Gateway(Shape):
    school: str
    gateway: str
    state: State
    rooms: list[str]
    version: str
    clock_untrusted: bool
    backlog_points: int
    buffering_min: float = Field(description="Age of the oldest point that it could not send, in minutes.")
    dropped_points: int
    journal_writable: bool
    cpu_temperature_c: float | None
    memory_used_percent: float | None
    disk_used_percent: float | None
    disk_wear_percent: float | None
    catalogue: int = Field(description="Serial of what it holds of what the centre publishes; 0: nothing.")
    catalogue_staged: int = Field(description="Serial of what waits there for the end of a lesson; 0: nothing.")
    catalogue_problem: str = Field(description="Why it did not take the last one, in a word; empty if it did.")
    points: int
    seen: str | None

    @classmethod
    def of(cls, row: GatewayRow) -> "Gateway":
        return cls(
            school=row.school, gateway=row.gateway, state=row.state, rooms=list(row.rooms), version=row.version,
            clock_untrusted=row.clock_untrusted, backlog_points=row.backlog_points, buffering_min=row.buffering_min,
            dropped_points=row.dropped_points, journal_writable=row.journal_writable,
            cpu_temperature_c=row.cpu_temperature_c, memory_used_percent=row.memory_used_percent,
            disk_used_percent=row.disk_used_percent, disk_wear_percent=row.disk_wear_percent,
            catalogue=row.catalogue, catalogue_staged=row.catalogue_staged, catalogue_problem=row.catalogue_problem,
            points=row.points, seen=shown(row.seen_us),
        )  # fmt: skip


class Equipment(Shape):
    """A device as it is, and what the register says of it."""

    school: str
    room: str
    device: str
    role: str
    health: Health
    reason: str
    says: str
    firmware: str
    lamp_h: float | None
    filter_h: float | None
    battery_percent: float | None
    simulated: bool
    seen: str | None
    model: str
    serial: str
    bought: date | None
    warranty_until: date | None
    note: str

    @classmethod
    def of(cls, row: DeviceRow, item: Item | None) -> "Equipment":
        kept = item or Item(row.school, row.room, row.device)
        return cls(
            school=row.school, room=row.room, device=row.device, role=row.role, health=row.health, reason=row.reason,
            says=row.says, firmware=row.firmware, lamp_h=row.lamp_h, filter_h=row.filter_h,
            battery_percent=row.battery_percent, simulated=row.simulated, seen=shown(row.seen_us), model=kept.model,
            serial=kept.serial, bought=kept.bought, warranty_until=kept.warranty_until, note=kept.note,
        )  # fmt: skip


class RegisterEntry(BaseModel):
    """What people write down of a device."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field("", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    serial: str = Field("", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    bought: date | None = None
    warranty_until: date | None = None
    note: str = Field("", max_length=1000)


class LatestValue(Shape):
    """The newest value of a series."""

    school: str
    room: str
    measurement: str
    device: str
    role: str
    metric: str
    value: Value
    unit: str
    time: str | None
    simulated: bool

    @classmethod
    def of(cls, last: LastValue) -> "LatestValue":
        return cls(
            school=last.school, room=last.room, measurement=last.measurement.value, device=last.device,
            role=last.role, metric=last.metric, value=last.value, unit=unit(last.metric), time=shown(last.time_us),
            simulated=last.simulated,
        )  # fmt: skip


class LatestValues(Shape):
    items: list[LatestValue]


class Point(Shape):
    time: str | None
    value: Value
    simulated: bool

    @classmethod
    def of(cls, sample: Sample) -> "Point":
        return cls(time=shown(sample.time_us), value=sample.value, simulated=sample.simulated)


class Points(Shape):
    unit: str
    items: list[Point]
    next: str | None = Field(description="Cursor of the next page; null if this is the last.")


class Windows(Shape):
    """One series by windows. Window `i` begins at `since` + `i` × `window_s`; null is a gap, and never filled in."""

    unit: str
    since: str
    until: str
    window_s: float
    count: list[int]
    mean: list[float | None]
    minimum: list[float | None]
    maximum: list[float | None]
    last: list[Value | None]

    @classmethod
    def of(cls, metric: str, span: Span, window_us: int, windows: list[Window]) -> "Windows":
        starts = span.starts(window_us)
        by_start = {window.start_us: window for window in windows}
        some = [by_start.get(start) for start in starts]
        return cls(
            unit=unit(metric),
            since=shown(starts.start) or "",
            until=shown(starts.stop) or "",
            window_s=window_us / 1e6,
            count=[0 if window is None else window.count for window in some],
            mean=[None if window is None else window.mean for window in some],
            minimum=[None if window is None else window.minimum for window in some],
            maximum=[None if window is None else window.maximum for window in some],
            last=[None if window is None else window.last for window in some],
        )


class WindowRow(Shape):
    """A row of the CSV: gaps are empty."""

    start: str | None
    count: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    last: Value | None


class Gap(Shape):
    since: str | None
    until: str | None
    seconds: float
    reason: Reason
    open: bool = Field(description="It has not ended.")


class SeriesGapReport(Shape):
    measurement: str
    device: str
    role: str
    metric: str
    gateway: str
    period_s: float | None = Field(description="Null: the series keeps to none, so nobody knows of a gap.")
    resolution_s: float = Field(description="Gaps begin and end within so much of what is said.")
    first: str | None
    last: str | None
    missing_s: float
    gaps: list[Gap]

    @classmethod
    def of(cls, one: SeriesGaps) -> "SeriesGapReport":
        found = one.report
        return cls(
            measurement=one.series.measurement.value,
            device=one.series.device,
            role=one.series.role,
            metric=one.series.metric,
            gateway=one.gateway,
            period_s=None if found.period_us is None else found.period_us / 1e6,
            resolution_s=found.resolution_us / 1e6,
            first=shown(found.first_us),
            last=shown(found.last_us),
            missing_s=found.missing_s,
            gaps=[
                Gap(since=shown(gap.from_us), until=shown(gap.to_us), seconds=gap.seconds, reason=gap.reason,
                    open=gap.open)
                for gap in found.gaps
            ],
        )  # fmt: skip


class GapReport(Shape):
    since: str | None
    until: str | None
    items: list[SeriesGapReport]


class SchoolTotal(Shape):
    """One metric over all rooms and devices of a school."""

    school: str
    metric: str
    unit: str
    count: int
    mean: float | None = Field(description="Null for texts.")
    last_seen: str | None

    @classmethod
    def of(cls, metric: str, totals: SchoolTotals) -> "SchoolTotal":
        return cls(
            school=totals.school, metric=metric, unit=unit(metric), count=totals.count, mean=totals.mean,
            last_seen=shown(totals.last_seen_us),
        )  # fmt: skip


class ProfileUsage(Shape):
    """How a profile was used. Percentiles are right within 2 %."""

    profile: str
    ready: int
    failed: int
    blocked: int
    ready_p50_s: float | None
    ready_p95_s: float | None

    @classmethod
    def of(cls, use: ProfileUse) -> "ProfileUsage":
        return cls(
            profile=use.profile, ready=use.ready, failed=use.failed, blocked=use.blocked,
            ready_p50_s=use.ready_p50_s, ready_p95_s=use.ready_p95_s,
        )  # fmt: skip


class ModelFailures(Shape):
    """Devices of one role and model, and how many of them are out of order now."""

    role: str
    model: str = Field(description="As the equipment register has it; empty if nobody has written it down.")
    devices: int
    out_of_order: int
    reasons: dict[str, int]


class RoomLesson(Shape):
    profile: str
    started: str | None
    ended: str | None
    state: str
    outcome: Literal["", "ready", "failed", "blocked"]
    ready_s: float | None

    @classmethod
    def of(cls, lesson: Lesson) -> "RoomLesson":
        return cls(
            profile=lesson.profile, started=shown(lesson.started_us), ended=shown(lesson.ended_us),
            state=lesson.state, outcome=lesson.outcome, ready_s=lesson.ready_s,
        )  # fmt: skip


class AttendanceCount(Shape):
    """How many people a room counts: never who."""

    school: str
    room: str
    device: str
    metric: str
    count: float
    time: str | None
    simulated: bool


class Alarm(Shape):
    id: int
    rule: str
    severity: str = Field(description="note, warning, major or critical.")
    state: AlarmState
    school: str | None = Field(description="Null: more than one school, or the centre itself.")
    room: str | None
    device: str | None
    gateway: str | None
    metric: str | None
    since: str | None
    cleared: str | None
    cause_of: int = Field(description="How many rooms, gateways or devices have it and raise no alarm of their own.")
    in_schools: int
    repeats: int
    acknowledged_by: str | None
    assigned_to: str | None
    muted_until: str | None
    text_vi: str
    text_en: str

    @classmethod
    def of(cls, alarm: KeptAlarm) -> "Alarm":
        return cls(
            id=alarm.id, rule=alarm.rule, severity=alarm.severity.word, state=alarm.state, school=alarm.school,
            room=alarm.room, device=alarm.device, gateway=alarm.gateway, metric=alarm.metric,
            since=shown(alarm.since_us), cleared=shown(alarm.cleared_us), cause_of=alarm.cause_of,
            in_schools=alarm.in_schools, repeats=alarm.repeats, acknowledged_by=alarm.acknowledged_by,
            assigned_to=alarm.assigned_to, muted_until=shown(alarm.muted_until_us), text_vi=alarm.text_vi,
            text_en=alarm.text_en,
        )  # fmt: skip


class AlarmEntry(Shape):
    """One line of an alarm's history."""

    time: str | None
    by: str = Field(description="Who did it; empty: the rules did.")
    what: str
    comment: str


class AlarmHistory(Shape):
    schools: list[str] = Field(description="The schools that it concerns, of those that are seen.")
    items: list[AlarmEntry]


class Key(Shape):
    """An API key, without its secret."""

    id: str
    label: str
    school: str | None
    scopes: list[str]
    made_by: str
    made: str | None
    until: str | None
    used: str | None


class NewKey(Key):
    key: str = Field(description="The key itself. It is shown this once.")


class Webhook(Shape):
    """Where alarms are posted to, without its secret."""

    id: int
    name: str
    url: str
    severity: str = Field(description="This and worse.")
    school: str | None
    after_s: float
    active: bool

    @classmethod
    def of(cls, hook: KeptWebhook) -> "Webhook":
        return cls(
            id=hook.id, name=hook.name, url=hook.url, severity=hook.severity.word, school=hook.school,
            after_s=hook.after_s, active=hook.active,
        )  # fmt: skip


class NewWebhook(Webhook):
    secret: str = Field(description="Signs what is posted. It is shown this once.")


class About(Shape):
    """What this centre is, and who asks."""

    name: str
    version: str
    who: str
    role: str
    school: str | None
    may: list[str]
    schools: int
    rooms: int
    as_of: str | None = Field(description="When the centre last looked.")
    troubles: list[str] = Field(description="What cannot be read now, so that figures are older than that.")
