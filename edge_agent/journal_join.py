"""Few large rows of many small ones: sent, and kept, with a tenth of the bytes."""

from collections.abc import Sequence

from edge_agent.intake import LOT_POINTS
from edge_agent.journal_file import JournalFile
from edge_agent.journal_places import Found, Place
from edge_agent.stamping import joined

MOST_ROWS = 512
"""To join at a time."""


def join(file: JournalFile, fresh: Sequence[Place], most: int) -> set[int]:
    """Make few large rows of many small ones, each under the id of its first. The ids that are gone."""
    gone: set[int] = set()
    groups: dict[str, list[Place]] = {}
    for place in fresh:
        group = groups.setdefault(place.measurement, [])
        if sum(each.points for each in group) + place.points > most:
            gone |= _join_group(file, group)
            group.clear()
        group.append(place)
    for group in groups.values():
        gone |= _join_group(file, group)
    return gone


def _join_group(file: JournalFile, group: Sequence[Place]) -> set[int]:
    if len(group) < 2:
        return set()
    rows = file.rows(group)
    whole = joined(rows) if len(rows) == len(group) else None
    if whole is None:
        return set()
    for place in group:
        file.remove(place)
    file.append(group[0].id, whole)
    return {place.id for place in group[1:]}


def small_ends(found: Sequence[Found], after: int) -> Sequence[Place]:
    """The newest rows that are small and later than `after`, which an earlier process had no time to join."""
    places: list[Place] = []
    for each in found[: -MOST_ROWS - 1 : -1]:
        if each.handed or each.place.id <= after or each.place.points > LOT_POINTS // 2:
            break
        places.append(each.place)
    return places[::-1]
