"""Marks what no real device has said, as the room's file declares it, before it goes to the centre."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from classroom_profiles.room import Room
from classroom_profiles.telemetry import Point

Record = Callable[[Iterable[Point]], None]


def marking(room: Room, record: Record) -> Record:
    """`record` with the mark on every point of a simulated device, and of whatever else is in a simulated room."""
    simulated = {device.id: room.is_simulated(device.id) for device in room.devices}
    if not room.simulated and not any(simulated.values()):
        return record

    def marked(point: Point) -> Point:
        return replace(point, simulated=True) if simulated.get(point.series.device, room.simulated) else point

    return lambda points: record([marked(point) for point in points])
