"""Whether all that should wait in the journal's file is there: what can be mended is, what is missing is counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from classroom_profiles.telemetry import Measurement
from edge_agent.journal_file import MOST_IDS, JournalFile, Key
from edge_agent.journal_places import Found, Place
from edge_agent.journal_rescue import Rescue, not_rescued
from edge_agent.journal_tally import Tally

_RESCUE_ROWS = 200


@dataclass(frozen=True, slots=True)
class Account:
    tally: Tally
    """As the file has it."""
    found: Sequence[Found]
    """Every row, oldest first."""
    there: Mapping[Measurement, int]
    """Points in them; 0 for all that is not there."""
    next_seq: Mapping[Measurement, int]
    """The numbers behind them."""
    set_aside: int
    """Rows of which nothing could be read any more."""
    lost: int
    """Points that are missing."""


def account(file: JournalFile) -> Account:
    """Of a file that was just opened. Raises sqlite3.Error, NotAJournal."""
    tally = file.tally()
    found, changed = file.look_through()
    bad = 0
    if changed:
        bad = _mend(file, changed, {each.place.id for each in found})
        found, _ = file.look_through()
    next_seq: dict[Measurement, int] = {}
    there: Counter[Measurement] = Counter()
    for each in found:
        measurement = each.place.measurement
        next_seq[measurement] = max(next_seq.get(measurement, 0), each.last_seq + 1)
        there[measurement] += each.place.points
    return Account(tally, found, there, next_seq, bad, sum(tally.missing(there, next_seq).values()))


@dataclass(frozen=True, slots=True)
class Rescued:
    tallies: Sequence[Tally]
    """Of the damaged files."""
    next_id: int
    copied: int
    """Points that could be read."""
    lost: int
    """Points that could not, as far as is known."""


def rescue(file: JournalFile, path: Path, known: int, newest: int, done: set[str], next_id: int) -> Rescued:
    """Copy what can be read of the damaged files behind `known`, but for the digests in `done`, under `next_id` and on.

    It may be cut short, and begins again: what was copied is not copied twice. Raises sqlite3.Error, NotAJournal.
    """
    there = file.digests() | done
    copied = lost = 0
    tallies: list[Tally] = []
    for damaged in not_rescued(path, known, newest):
        with Rescue(damaged) as source:
            rows = (row for row in source.rows() if row.digest not in there)
            while some := list(islice(rows, _RESCUE_ROWS)):
                with file.transaction():
                    for row_id, row in enumerate(some, next_id):
                        file.append(row_id, row)
                        file.hand_out([Place(row.measurement, row_id, row.points)])  # perhaps it was
                next_id += len(some)
                copied += sum(row.points for row in some)
            tally = source.tally()
            lost += sum(tally.missing(source.points, source.next_seq).values())
        tallies.append(tally)
    return Rescued(tallies, next_id, copied, lost)


def _mend(file: JournalFile, changed: Iterable[Key], taken: set[int]) -> int:
    """Give rows the columns that their bytes tell. How many tell nothing any more, and are set aside."""
    bad = 0
    with file.transaction():
        for key in changed:
            row = file.take_out(key)
            if row is None:
                bad += 1
                continue
            row_id = key[1] if 0 < key[1] < MOST_IDS and key[1] not in taken else max(taken, default=0) + 1
            taken.add(row_id)
            file.append(row_id, row)
            file.hand_out([Place(row.measurement, row_id, row.points)])  # perhaps it was
    return bad
