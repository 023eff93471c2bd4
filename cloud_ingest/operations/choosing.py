"""Which rows somebody wants to see, of those that they may see: search, filters, order and pages. Pure.

Whoever asks for a school that they do not see is told that there is none.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Generic, TypeVar

from cloud_ingest.accounts.who import Who
from cloud_ingest.gateways import State
from cloud_ingest.operations.rows import DeviceRow, GatewayRow, Health, RoomRow, SchoolRow
from cloud_ingest.operations.snapshot import SchoolView, Snapshot

Row = TypeVar("Row", SchoolRow, RoomRow, DeviceRow, GatewayRow)
_Some = TypeVar("_Some")


class NotFound(Exception):
    """There is none, or it is not theirs to see; which of both is not said. The text is what was asked for."""


class WrongQuestion(ValueError):
    """`field` is what is wrong with it; the text says what would be right."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Wanted:
    """The defaults: all, in order of their keys (school, room, device, role)."""

    find: str = ""
    """In names, slugs, roles, wards, versions; `quan 1` finds `Quận 1`."""
    school: str | None = None
    room: str | None = None
    health: frozenset[Health] | None = None
    state: frozenset[State] | None = None
    """Of gateways, and of rooms by their gateway."""
    ward: str | None = None
    level: str | None = None
    role: str | None = None
    lesson: str | None = None
    """Rooms: a profile that runs or is ready there."""
    sort: str = ""
    """The name of a field of the row; empty: by key."""
    descending: bool = False
    after: tuple[str, ...] | None = None
    """Only with the order by key: what comes behind the row with this key."""
    offset: int = 0
    limit: int | None = None
    want_total: bool = True
    """False: `total` is not counted, which saves the reading of all that is behind the page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`more`: there are rows behind these. `total` is None if it was not wanted."""

    rows: tuple[Row, ...] = ()
    total: int | None = None
    more: bool = False
    revision: int = 0


def view(snapshot: Snapshot, who: Who, school: str) -> SchoolView:
    """Raises NotFound."""
    found = snapshot.schools.get(school) if who.sees(school) else None
    if found is None:
        raise NotFound(f"school {school}")
    return found


def room(snapshot: Snapshot, who: Who, school: str, name: str) -> RoomRow:
    """Raises NotFound."""
    found = view(snapshot, who, school).rooms.get(name)
    if found is None:
        raise NotFound(f"room {school}/{name}")
    return found


def schools(snapshot: Snapshot, who: Who, wanted: Wanted) -> Page[SchoolRow]:
    """Raises NotFound, WrongQuestion."""
    sought = folded(wanted.find.strip())

    def fits(row: SchoolRow) -> bool:
        return (
            (wanted.health is None or row.health in wanted.health)
            and (wanted.ward is None or row.ward == wanted.ward)
            and (wanted.level is None or row.level == wanted.level)
            and (not sought or sought in folded(f"{row.school} {row.name} {row.ward}"))
        )

    rows = (view.row for view in _views(snapshot, who, wanted))
    return _page(snapshot, wanted, filter(fits, rows), lambda row: (row.school,), SchoolRow.__struct_fields__)


def rooms(snapshot: Snapshot, who: Who, wanted: Wanted) -> Page[RoomRow]:
    """Raises NotFound, WrongQuestion."""
    sought = folded(wanted.find.strip())

    def chosen() -> Iterator[RoomRow]:
        for view in _views(snapshot, who, wanted):
            whole = not sought or sought in folded(f"{view.row.school} {view.row.name}")
            for row in _in_room(view.rooms, wanted.room):
                if (
                    (wanted.health is None or row.health in wanted.health)
                    and (wanted.state is None or row.condition in wanted.state)
                    and (wanted.lesson is None or row.lesson == wanted.lesson)
                    and (whole or sought in row.room or sought in row.gateway or sought in row.lesson)
                ):
                    yield row

    return _page(snapshot, wanted, chosen(), lambda row: (row.school, row.room), RoomRow.__struct_fields__)


def devices(snapshot: Snapshot, who: Who, wanted: Wanted) -> Page[DeviceRow]:
    """Raises NotFound, WrongQuestion. A search through a whole city takes a tenth of a second: use a thread."""
    sought = folded(wanted.find.strip())

    def chosen() -> Iterator[DeviceRow]:
        for view in _views(snapshot, who, wanted):
            whole = not sought or sought in folded(f"{view.row.school} {view.row.name}")
            for some in _in_room(view.devices, wanted.room):
                for row in some:
                    if (
                        (wanted.health is None or row.health in wanted.health)
                        and (wanted.role is None or row.role == wanted.role)
                        and (
                            whole
                            or sought in row.device
                            or sought in row.role
                            or sought in row.room
                            or (row.firmware and sought in row.firmware.lower())
                            or sought in row.reason
                        )
                    ):
                        yield row

    return _page(
        snapshot,
        wanted,
        chosen(),
        lambda row: (row.school, row.room, row.device, row.role),
        DeviceRow.__struct_fields__,
    )


def gateways(snapshot: Snapshot, who: Who, wanted: Wanted) -> Page[GatewayRow]:
    """Raises NotFound, WrongQuestion."""
    sought = folded(wanted.find.strip())

    def chosen() -> Iterator[GatewayRow]:
        for view in _views(snapshot, who, wanted):
            whole = not sought or sought in folded(f"{view.row.school} {view.row.name}")
            for row in view.gateways:
                if (
                    (wanted.state is None or row.state in wanted.state)
                    and (wanted.room is None or wanted.room in row.rooms)
                    and (
                        whole
                        or sought in row.gateway
                        or sought in row.version.lower()
                        or any(sought in room for room in row.rooms)
                    )
                ):
                    yield row

    return _page(snapshot, wanted, chosen(), lambda row: (row.school, row.gateway), GatewayRow.__struct_fields__)


def named(snapshot: Snapshot, who: Who, find: str) -> frozenset[str]:
    """Schools that they see and in whose names this is."""
    sought = folded(find.strip())
    if not sought:
        return frozenset()
    return frozenset(
        school for school, view in snapshot.schools.items() if who.sees(school) and sought in folded(view.row.name)
    )


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Without case and marks, as people type when they search."""
    bare = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def _views(snapshot: Snapshot, who: Who, wanted: Wanted) -> Iterable[SchoolView]:
    """Of schools that are seen and may have rows behind the key asked for. Raises NotFound."""
    if wanted.school is not None:
        return (view(snapshot, who, wanted.school),)
    if who.school is not None:
        own = snapshot.schools.get(who.school)
        return () if own is None else (own,)
    first = wanted.after[0] if wanted.after else ""
    return (one for school, one in snapshot.schools.items() if school >= first)


def _in_room(by_room: Mapping[str, _Some], name: str | None) -> Iterable[_Some]:
    if name is None:
        return by_room.values()
    found = by_room.get(name)
    return () if found is None else (found,)


def _page(
    snapshot: Snapshot,
    wanted: Wanted,
    rows: Iterable[Row],
    key: Callable[[Row], tuple[str, ...]],
    fields: tuple[str, ...],
) -> Page[Row]:
    if wanted.offset < 0 or (wanted.limit is not None and wanted.limit < 0):
        raise WrongQuestion("offset", "offset and limit are 0 or more")
    if wanted.sort or wanted.descending:
        if wanted.after is not None:
            raise WrongQuestion("cursor", "a cursor goes with the usual order only: leave sort out")
        rows = _sorted(rows, wanted, key, fields)
    if wanted.after is not None:
        after = wanted.after
        rows = (row for row in rows if key(row) > after)
    if wanted.want_total:
        found = tuple(rows)
        end = len(found) if wanted.limit is None else wanted.offset + wanted.limit
        return Page(found[wanted.offset : end], len(found), end < len(found), snapshot.revision)
    if wanted.limit is None:
        return Page(tuple(islice(rows, wanted.offset, None)), None, False, snapshot.revision)
    some = tuple(islice(rows, wanted.offset, wanted.offset + wanted.limit + 1))
    return Page(some[: wanted.limit], None, len(some) > wanted.limit, snapshot.revision)


def _sorted(
    rows: Iterable[Row], wanted: Wanted, key: Callable[[Row], tuple[str, ...]], fields: tuple[str, ...]
) -> list[Row]:
    """Rows without a value come last, either way."""
    name = wanted.sort
    if name and name not in fields:
        raise WrongQuestion("sort", f"one of {', '.join(fields)}")
    found = sorted(rows, key=key, reverse=wanted.descending and not name)
    if not name:
        return found
    known = [row for row in found if getattr(row, name) is not None]
    known.sort(key=lambda row: _order(getattr(row, name)), reverse=wanted.descending)
    return known + [row for row in found if getattr(row, name) is None]


def _order(value: Any) -> Any:
    if isinstance(value, Health):
        return list(Health).index(value)
    return folded(value) if isinstance(value, str) else value
