"""What is known of each room from the newest values and its gateway, and the rows that are made of it: pure.

Values come in by the ten thousand a second, and almost none of them changes how a room is: a room's rows are made
again only when one did.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement
from cloud_ingest.gateways import Gateway, State, condition
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.operations.rows import Counts, DeviceRow, GatewayRow, Health, RoomRow

SEEN_WITHIN_US = 60_000_000
_BAD = ("fault", "unreachable")
_ON: Final = ("preflight", "blocked", "running", "ready", "undoing")
_HOUSE = (Measurement.LESSON, Measurement.EVENT, Measurement.ATTENDANCE)
"""What is said of a room, and not by one of its devices."""
_DEVICE_METRICS = frozenset({"health", "health_reason", "firmware", "lamp_h", "filter_h", "battery_percent"})
_GATEWAY_METRICS = frozenset({
    "cpu_temperature_c", "memory_used_percent", "disk_used_percent", "disk_wear_percent", "catalogue",
    "catalogue_staged",
})  # fmt: skip


class _DeviceFacts:
    __slots__ = ("seen_us", "shown_us", "simulated", "values")

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.seen_us = 0
        self.shown_us = 0
        self.simulated = False


class RoomFacts:
    """Of one room."""

    __slots__ = ("devices", "gateway", "lesson", "lesson_us", "stale")

    def __init__(self) -> None:
        self.devices: dict[tuple[str, str], _DeviceFacts] = {}
        self.lesson: dict[str, Value] = {}
        self.lesson_us = 0
        self.gateway: dict[str, Value] = {}
        """What its gateway measures of itself."""
        self.stale = True
        """Its rows are to be made again."""

    def take(self, last: LastValue) -> None:
        measurement = last.measurement
        if measurement is Measurement.LESSON:
            self._put(self.lesson, last.metric, last.value)
            if last.metric == "state":
                self.lesson_us = last.time_us
            return
        if measurement in _HOUSE:
            return
        if measurement is Measurement.GATEWAY:
            if last.metric in _GATEWAY_METRICS and isinstance(last.value, int | float):
                self._put(self.gateway, last.metric, round(last.value))  # tenths are no news
            elif last.metric == "catalogue_problem":
                self._put(self.gateway, last.metric, last.value)
            return
        name = (last.device, last.role)
        device = self.devices.get(name)
        if device is None:
            device = self.devices[name] = _DeviceFacts()
            self.stale = True
        if last.time_us > device.seen_us:
            device.seen_us = last.time_us
            if last.time_us - device.shown_us > SEEN_WITHIN_US:
                self.stale = True
        if last.metric in _DEVICE_METRICS:
            self._put(device.values, last.metric, last.value)
        if last.simulated is not device.simulated:
            device.simulated = last.simulated
            self.stale = True

    def _put(self, into: dict[str, Value], metric: str, value: Value) -> None:
        if into.get(metric) != value:
            into[metric] = value
            self.stale = True

    def rows(self, school: str, room: str, gateway: GatewayRow | None) -> tuple[RoomRow, tuple[DeviceRow, ...]]:
        """As they are now; then it is no longer stale."""
        self.stale = False
        devices = tuple(
            _device_row(school, room, name, facts, gateway)
            for name, facts in sorted(self.devices.items(), key=lambda item: item[0])
        )
        faults = sum(device.says in _BAD for device in devices)
        state = _text(self.lesson.get("state"))
        row = RoomRow(
            school=school,
            room=room,
            gateway=gateway.gateway if gateway is not None else "",
            condition=gateway.state if gateway is not None else None,
            health=_health(gateway, faults > 0),
            lesson=_text(self.lesson.get("profile")) if state in _ON else "",
            lesson_state=state,
            lesson_since_us=self.lesson_us,
            faults=faults,
            devices=len(devices),
            simulated=bool(devices) and all(device.simulated for device in devices),
            seen_us=gateway.seen_us if gateway is not None else max((d.seen_us for d in devices), default=0),
        )
        return row, devices


def gateway_row(gateway: Gateway, now_us: int, measured: dict[str, Value] | None = None) -> GatewayRow:
    """`measured`: what it says of itself as telemetry, if it does."""
    now = condition(gateway, now_us)
    said = gateway.said
    values = measured or {}
    return GatewayRow(
        school=gateway.school,
        gateway=gateway.name,
        state=now.state,
        rooms=gateway.rooms,
        version=said.version if said else "",
        clock_untrusted=now.clock_untrusted,
        backlog_points=said.backlog_points if said else 0,
        buffering_min=round(now.buffering_min, 1),
        dropped_points=said.dropped_points if said else 0,
        journal_writable=said.journal_writable if said else True,
        cpu_temperature_c=_number(values.get("cpu_temperature_c")),
        memory_used_percent=_number(values.get("memory_used_percent")),
        disk_used_percent=_number(values.get("disk_used_percent")),
        disk_wear_percent=_number(values.get("disk_wear_percent")),
        catalogue=int(_number(values.get("catalogue")) or 0),
        catalogue_staged=int(_number(values.get("catalogue_staged")) or 0),
        catalogue_problem=_text(values.get("catalogue_problem")),
        points=gateway.points,
        seen_us=gateway.seen_us(),
    )


def counts(rooms: Iterable[RoomRow]) -> Counts:
    found = dict.fromkeys(Health, 0)
    for room in rooms:
        found[room.health] += 1
    return Counts(*found.values())


def health_of_school(by_health: Counts) -> Health:
    """Down if half of the rooms that are not off are down; faulty if any is; off if all are off."""
    on = by_health.down + by_health.faulty + by_health.unknown + by_health.working
    if not on:
        return Health.OFF if by_health.off else Health.UNKNOWN
    if by_health.down * 2 >= on:
        return Health.DOWN
    if by_health.down or by_health.faulty:
        return Health.FAULTY
    return Health.WORKING if by_health.working else Health.UNKNOWN


def newest(gateways: Sequence[GatewayRow]) -> GatewayRow | None:
    """The one heard of last."""
    return max(gateways, key=lambda gateway: gateway.seen_us, default=None)


def _device_row(
    school: str, room: str, name: tuple[str, str], facts: _DeviceFacts, gateway: GatewayRow | None
) -> DeviceRow:
    facts.shown_us = facts.seen_us
    values = facts.values
    says = _text(values.get("health"))
    health = _health(gateway, says in _BAD)
    reason = _text(values.get("health_reason")) if says in _BAD else ""
    if gateway is not None and health in (Health.DOWN, Health.OFF):
        reason = gateway.state.value
    return DeviceRow(
        school=school,
        room=room,
        device=name[0],
        role=name[1],
        health=health,
        reason=reason,
        says=says,
        firmware=_text(values.get("firmware")),
        lamp_h=_number(values.get("lamp_h")),
        filter_h=_number(values.get("filter_h")),
        battery_percent=_number(values.get("battery_percent")),
        simulated=facts.simulated,
        seen_us=facts.seen_us,
    )


def _health(gateway: GatewayRow | None, is_faulty: bool) -> Health:
    """A room's, with a device that is out of order, or such a device's own."""
    if gateway is None:
        return Health.UNKNOWN
    match gateway.state:
        case State.OFF:
            return Health.OFF
        case State.UNREACHABLE | State.SILENT:
            return Health.DOWN
        case State.BUFFERING | State.CLOCK_UNTRUSTED:
            return Health.FAULTY
        case State.WORKING:
            return Health.FAULTY if is_faulty else Health.WORKING


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
