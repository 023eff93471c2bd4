"""The whole city at one moment, and how the next moment is made from it: what has not changed is the same object."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloud_ingest.gateways import Gateway
from cloud_ingest.operations import facts
from cloud_ingest.operations.directory import School
from cloud_ingest.operations.facts import RoomFacts
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.operations.rows import DeviceRow, GatewayRow, RoomRow, SchoolRow


@dataclass(frozen=True, slots=True)
class SchoolView:
    """All of one school, in order of names."""

    row: SchoolRow
    rooms: Mapping[str, RoomRow]
    devices: Mapping[str, tuple[DeviceRow, ...]]
    """By room."""
    gateways: tuple[GatewayRow, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """It never changes: whoever holds one reads one moment. `schools` is in order of slugs."""

    revision: int
    """Another one whenever anything has changed."""
    map_revision: int
    """Another one whenever something has changed that a map shows: health, counts, places, alarms."""
    at_us: int
    """When somebody last looked if anything had changed."""
    schools: Mapping[str, SchoolView] = field(default_factory=dict)
    alarms_revision: int = 0
    """Of the inbox."""

    def rooms(self) -> Iterator[RoomRow]:
        for view in self.schools.values():
            yield from view.rooms.values()


NOTHING = Snapshot(0, 0, 0)


class Builder:
    """Takes news, gives snapshots. One thread at a time."""

    def __init__(self, directory: Mapping[str, School]) -> None:
        self._directory = directory
        self._facts: dict[str, dict[str, RoomFacts]] = {}
        self._gateways: dict[str, tuple[GatewayRow, ...]] = {}
        self._alarms: Mapping[str, int] = {}
        self._alarms_revision = 0
        self._dirty: set[str] = set(directory)
        self._wholly: set[str] = set(directory)
        """Schools of which every room is made again, since a gateway has changed."""

    def forget_values(self) -> None:
        """They come again, all of them."""
        self._facts.clear()
        self._dirty.update(self._gateways)
        self._wholly.update(self._gateways)

    def take_values(self, values: Iterable[LastValue]) -> None:
        school, rooms = "", dict[str, RoomFacts]()
        name, room = "", RoomFacts()
        for last in values:
            if last.school != school:
                school, name = last.school, ""
                rooms = self._facts.setdefault(school, {})
            if last.room != name:
                name = last.room
                known = rooms.get(name)
                room = known if known is not None else rooms.setdefault(name, RoomFacts())
                self._dirty.add(school)
            room.take(last)

    def take_gateways(self, gateways: Iterable[Gateway], now_us: int) -> None:
        """All of them."""
        by_school: dict[str, list[GatewayRow]] = {}
        for gateway in gateways:
            by_school.setdefault(gateway.school, []).append(facts.gateway_row(gateway, now_us, self._measured(gateway)))
        for school in by_school.keys() | self._gateways.keys():
            rows = tuple(by_school.get(school, ()))
            if rows != self._gateways.get(school):
                self._gateways[school] = rows
                self._dirty.add(school)
                self._wholly.add(school)

    def take_alarms(self, by_school: Mapping[str, int], revision: int) -> None:
        """How many hold at each school; and the inbox's revision, another one whenever any alarm has changed."""
        self._alarms_revision = revision
        for school in by_school.keys() | self._alarms.keys():
            if by_school.get(school, 0) != self._alarms.get(school, 0):
                self._dirty.add(school)
        self._alarms = dict(by_school)

    def next(self, before: Snapshot, now_us: int) -> Snapshot:
        """The same, but for `at_us`, if nothing has changed."""
        changed: dict[str, SchoolView] = {}
        for school in self._dirty:
            view = self._view(school, before.schools.get(school))
            if view is not None:
                changed[school] = view
        self._dirty.clear()
        self._wholly.clear()
        if not changed and self._alarms_revision == before.alarms_revision:
            return replace(before, at_us=now_us)
        on_map = any(
            school not in before.schools or _on_map(view.row) != _on_map(before.schools[school].row)
            for school, view in changed.items()
        )
        together = {**before.schools, **changed}
        if changed.keys() - before.schools.keys():
            together = dict(sorted(together.items()))
        return Snapshot(before.revision + 1, before.map_revision + on_map, now_us, together, self._alarms_revision)

    def _view(self, school: str, before: SchoolView | None) -> SchoolView | None:
        """None if nothing of it has changed."""
        wholly = before is None or school in self._wholly
        gateways = self._gateways.get(school, ())
        known = self._facts.get(school, {})
        if not wholly and not any(room.stale for room in known.values()):
            assert before is not None
            if before.row.open_alarms == self._alarms.get(school, 0):
                return None
        of_room: dict[str, list[GatewayRow]] = {}
        for gateway in gateways:
            for room in gateway.rooms:
                of_room.setdefault(room, []).append(gateway)
        rooms: dict[str, RoomRow] = {}
        devices: dict[str, tuple[DeviceRow, ...]] = {}
        for room in sorted(known.keys() | of_room.keys()):
            found = known.get(room)
            if found is None:
                found = self._facts.setdefault(school, {}).setdefault(room, RoomFacts())
            if not (found.stale or wholly) and before is not None and room in before.rooms:
                rooms[room], devices[room] = before.rooms[room], before.devices[room]
            else:
                rooms[room], devices[room] = self._room(school, room, found, of_room.get(room, ()), before)
        return SchoolView(self._row(school, rooms.values(), gateways), rooms, devices, gateways)

    def _room(
        self, school: str, room: str, found: RoomFacts, gateways: Sequence[GatewayRow], before: SchoolView | None
    ) -> tuple[RoomRow, tuple[DeviceRow, ...]]:
        """The same devices as before if their gateway is as it was and they have said nothing new."""
        was_stale = found.stale
        gateway = facts.newest(gateways)
        kept = None if before is None or was_stale else before.rooms.get(room)
        if kept is not None and before is not None and gateway is not None and kept.condition is gateway.state:
            return _moved(kept, gateway), before.devices[room]
        return found.rows(school, room, gateway)

    def _row(self, school: str, rooms: Iterable[RoomRow], gateways: Iterable[GatewayRow]) -> SchoolRow:
        rooms = tuple(rooms)
        known = self._directory.get(school) or School(school, school)
        by_health = facts.counts(rooms)
        return SchoolRow(
            school=school,
            name=known.name,
            ward=known.ward,
            level=known.level,
            latitude=known.latitude,
            longitude=known.longitude,
            rooms=len(rooms),
            by_health=by_health,
            health=facts.health_of_school(by_health),
            faults=sum(room.faults for room in rooms),
            open_alarms=self._alarms.get(school, 0),
            seen_us=max((gateway.seen_us for gateway in gateways), default=0),
        )

    def _measured(self, gateway: Gateway) -> dict[str, bool | int | float | str]:
        for room in gateway.rooms:
            found = self._facts.get(gateway.school, {}).get(room)
            if found is not None and found.gateway:
                return found.gateway
        return {}


def _moved(row: RoomRow, gateway: GatewayRow) -> RoomRow:
    """The same room, heard of later."""
    return RoomRow(
        row.school, row.room, gateway.gateway, row.condition, row.health, row.lesson, row.lesson_state,
        row.lesson_since_us, row.faults, row.devices, row.simulated, gateway.seen_us,
    )  # fmt: skip


def _on_map(row: SchoolRow) -> tuple[object, ...]:
    return (
        row.name, row.ward, row.level, row.latitude, row.longitude, row.rooms, row.by_health, row.health, row.faults,
        row.open_alarms,
    )  # fmt: skip
