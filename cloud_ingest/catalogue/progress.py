"""How far a school's gateways have come with what is published to it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cloud_ingest.catalogue.shelf import Serial
from cloud_ingest.gateways import State
from cloud_ingest.operations.rows import GatewayRow

_AWAY = (State.OFF, State.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Progress:
    """Each gateway counts once: applied, staged, refused, away or behind."""

    school: str
    serial: int
    """What its gateways shall hold; 0: nothing was made for it yet."""
    is_sent: bool
    """The broker has it."""
    gateways: int
    applied: int
    staged: int
    """They wait for the end of a lesson."""
    refused: int
    away: int
    """Off or out of reach, with an older one: they find it when they come back."""
    behind: int
    """They could have it, and have not."""
    problems: tuple[tuple[str, int], ...] = ()
    """Why it was refused, the most frequent first."""
    serials: tuple[tuple[int, int], ...] = ()
    """Which serial how many hold, the newest first; 0 is none."""


def of_school(school: str, wanted: Serial | None, gateways: Iterable[GatewayRow]) -> Progress:
    serial = 0 if wanted is None else wanted.serial
    counts: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    serials: Counter[int] = Counter()
    for gateway in gateways:
        how = _how(gateway, serial)
        counts[how] += 1
        serials[gateway.catalogue] += 1
        if how == "refused":
            problems[gateway.catalogue_problem] += 1
    return Progress(
        school, serial, wanted is not None and wanted.is_sent, counts.total(), counts["applied"], counts["staged"],
        counts["refused"], counts["away"], counts["behind"], tuple(problems.most_common()),
        tuple(sorted(serials.items(), reverse=True)),
    )  # fmt: skip


def of_city(wanted: Mapping[str, Serial], gateways: Mapping[str, Iterable[GatewayRow]]) -> list[Progress]:
    """Of each school to which something was published, those where something is wrong first."""
    found = [of_school(school, wanted.get(school), some) for school, some in gateways.items()]
    known = [one for one in found if one.serial or one.refused or any(serial for serial, _ in one.serials)]
    return sorted(known, key=lambda one: (-one.refused, -one.behind, -one.away, -one.staged, one.school))


def _how(gateway: GatewayRow, serial: int) -> str:
    if serial and gateway.catalogue == serial:
        return "applied"
    if serial and gateway.catalogue_staged == serial:
        return "staged"
    if gateway.catalogue_problem:
        return "refused"
    if not serial and not gateway.catalogue:
        return "applied"
    return "away" if gateway.state in _AWAY else "behind"
