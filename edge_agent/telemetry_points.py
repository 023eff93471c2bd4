"""From what happens in a room to points for the centre. Pure."""

from classroom_profiles.capability import Value
from classroom_profiles.reading import Health, Reading
from classroom_profiles.room import Device
from classroom_profiles.telemetry import MAX_TEXT, Measurement, Point, Series
from edge_agent.lesson import Lesson, StepState

LESSON = "lesson"
"""Device and role of the points that tell of a room's lesson."""
INTERLOCK = "interlock"
"""Role of the points that tell of a rule, whose id is their device."""


def reading_point(room: str, device: Device, reading: Reading, is_state: bool) -> Point:
    """`is_state`: it reads something that the device can be told, and is no measurement of the world."""
    measurement = Measurement.DEVICE if is_state else Measurement.READING
    series = Series(measurement, room, device.id, str(device.role), reading.metric)
    return Point(series, reading.time_us, _plain(reading.value), reading.simulated)


def sample_series(room: str, device: Device, metric: str) -> Series:
    """Of one output of an experiment."""
    return Series(Measurement.EXPERIMENT, room, device.id, str(device.role), metric)


def health_points(room: str, device: Device, health: Health, time_us: int) -> list[Point]:
    def of(metric: str, value: Value) -> Point:
        return Point(Series(Measurement.DEVICE, room, device.id, str(device.role), metric), time_us, value)

    return [of("health", str(health.state)), of("health_reason", _plain(health.reason))]


def lesson_points(room: str, lesson: Lesson, time_us: int) -> list[Point]:
    """What changed with its state; `ready_s` and `failed_steps` only once they are known."""
    values: dict[str, Value] = {"state": str(lesson.state), "profile": lesson.profile}
    if not lesson.is_busy:
        bad = (StepState.FAILED, StepState.NOT_TRIED, StepState.UNDO_FAILED)
        values["failed_steps"] = sum(step.state in bad for step in lesson.steps)
    if lesson.ready_s is not None and lesson.state == "ready":
        values["ready_s"] = lesson.ready_s
    return [
        Point(Series(Measurement.LESSON, room, LESSON, LESSON, metric), time_us, value)
        for metric, value in values.items()
    ]


def robot_point(room: str, device: Device, metric: str, value: Value, time_us: int, simulated: bool) -> Point:
    """Of a robot kit: what it was made to do, or how it was then."""
    series = Series(Measurement.ROBOT, room, device.id, str(device.role), metric)
    return Point(series, time_us, _plain(value), simulated)


def lost_devices_point(room: str, count: int, time_us: int) -> Point:
    return Point(Series(Measurement.LESSON, room, LESSON, LESSON, "lost_devices"), time_us, count)


def event_point(room: str, device: str, role: str, metric: str, value: str, time_us: int) -> Point:
    """Something that happened once and that somebody may want to count."""
    return Point(Series(Measurement.EVENT, room, device, role, metric), time_us, _plain(value))


def interlock_point(room: str, rule: str, metric: str, value: Value, time_us: int) -> Point:
    """Something that an interlock has done."""
    return Point(Series(Measurement.EVENT, room, rule, INTERLOCK, metric), time_us, _plain(value))


def _plain(value: Value) -> Value:
    """Texts as the wire takes them: short, printable ASCII."""
    if isinstance(value, str):
        return "".join(letter if " " <= letter <= "~" else "?" for letter in value[:MAX_TEXT])
    return value
