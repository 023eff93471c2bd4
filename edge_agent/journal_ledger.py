"""What the journal's file says of itself: counts, where numbers and times go on, and how much should be in its rows."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from classroom_profiles.telemetry import Measurement
from edge_agent.journal_account import Account, rescue
from edge_agent.journal_file import JournalFile
from edge_agent.journal_places import Found, Place
from edge_agent.journal_tally import Tally
from edge_agent.stamping import Row, Stamper

_log = logging.getLogger("lophoc.journal")


class Ledger:
    """The writer's. Nothing here is changed before it is durable, if the writer keeps to that."""

    def __init__(self, stamper: Stamper) -> None:
        self._stamper = stamper
        self.gone: Counter[Measurement] | None = None
        """Numbers that no row has any more; None until that was looked at."""
        self._rescued = 0
        self._counted = Tally()
        self.known = False
        """What earlier processes counted has been added."""

    def without(self, places: Iterable[Place]) -> Counter[Measurement]:
        """What is gone once these are, too."""
        gone = Counter(self.gone)
        for place in places:
            gone[place.measurement] += place.points
        return gone

    def is_news(self, tally: Tally) -> bool:
        """True if something was counted that the file does not have."""
        return tally != self._counted

    def counted(self, tally: Tally) -> None:
        self._counted = tally

    def save(
        self, file: JournalFile, tally: Tally, gone: Mapping[Measurement, int] | None, unsaved: Iterable[Row] = ()
    ) -> None:
        """`unsaved`: rows that have their numbers, and are not in the file."""
        whole = tally.copy()
        whole.last_us, whole.sure_us = self._stamper.last_us, self._stamper.sure_us
        whole.rescued, whole.next_seq = self._rescued, self._durable_seq(unsaved)
        whole.gone = None if gone is None else dict(gone)
        file.save(whole)

    def go_on(self, got: Account, untrusted: Mapping[int, Place], unsaved: Iterable[Row]) -> None:
        """Numbers and times go on where the file stops. `untrusted`: rows that may get other times yet."""
        tally, found = got.tally, got.found
        rest = max((each.last_us for each in found if each.place.id not in untrusted), default=-1)
        self._stamper.sent_until(max(rest, tally.last_us if tally.sure_us is None else tally.sure_us))
        self._stamper.go_on_after(max((each.last_us for each in found), default=-1), got.next_seq)
        self._stamper.go_on_after(tally.last_us, tally.next_seq)
        self.gone = Counter({each: number - got.there[each] for each, number in self._durable_seq(unsaved).items()})
        self.known = True

    def begin_anew(self) -> None:
        """The file is put aside."""
        self._counted, self.gone = Tally(), None

    def rescue(
        self,
        file: JournalFile,
        path: Path,
        newest: int,
        done: set[str],
        next_id: int,
        counts: Tally,
        unsaved: Sequence[Row],
    ) -> tuple[int, int]:
        """Copy what can be read of damaged files that was not copied yet. It may be cut short, and begins again.

        `counts`: of this process. The next id, and how many points are lost that this process had counted.
        """
        self._rescued = file.tally().rescued
        if self._rescued >= newest:
            return next_id, 0
        got = rescue(file, path, self._rescued, newest, done, next_id)
        tally = counts if self.known else Tally()
        for each in got.tallies:
            self._stamper.go_on_after(each.last_us, each.next_seq)
            if not self.known:  # else they are of this process
                tally.add(each)
        tally.damaged += got.lost
        self._rescued = newest
        with file.transaction():
            self.save(file, tally, None, unsaved)
        done.clear()
        _log.warning("%d points could be read in what was damaged, and are kept; %d are lost", got.copied, got.lost)
        return got.next_id, got.lost if self.known else 0

    def _durable_seq(self, unsaved: Iterable[Row]) -> dict[Measurement, int]:
        found = self._stamper.next_seq
        for row in unsaved:
            found[row.measurement] = min(found[row.measurement], row.last_seq + 1 - row.points)
        return found


def waits_for_the_time(found: Iterable[Found], boot: str) -> dict[int, Place]:
    """Rows of this boot under a clock that nobody trusts, and which the uplink has not had."""
    return {each.place.id: each.place for each in found if each.untrusted and not each.handed and each.boot == boot}
