"""The one thread that touches the journal's file.

    new rows ──commit within 50 ms──► fresh ──join after `seal_s` or 1,000 points──► sealed ──► parcels

Fresh rows are small and durable already; joined they are sent with a tenth of the bytes. What is sealed keeps its
bytes. A row's id grows with its age, and every fresh row is later than every sealed one.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from edge_agent.backoff import delays
from edge_agent.intake import LOT_POINTS
from edge_agent.journal_desk import Desk, Settled
from edge_agent.journal_file import JournalFile, NotAJournal, Place, Tally, corrupt, put_aside, times_corrupt
from edge_agent.journal_rescue import Rescue, not_rescued
from edge_agent.stamping import Row, Stamper, joined

_SEAL_ROWS = 512
_RESCUE_ROWS = 200
_TAKE_POINTS = 10 * LOT_POINTS
_DISK_WAITS_S = (0.2, 5.0)

_log = logging.getLogger("lophoc.journal")


class Writer:
    """Runs until the desk is closed. A disk that fails is tried again; a damaged file is put aside."""

    def __init__(self, desk: Desk, path: Path, boot: str, max_bytes: int, seal_s: float) -> None:
        self.thread = threading.Thread(target=self._run, name="journal")
        self.corrupt = 0
        """Files put aside so far."""
        self.writable = True
        self._desk = desk
        self._path = path
        self._max_bytes = max_bytes
        self._seal_s = seal_s
        self._stamper = Stamper(boot)
        self._file: JournalFile | None = None
        self._counted = False
        self._saved = Tally()
        self._done: set[str] = set()
        self._rescued = 0
        self._unsaved: list[Row] = []
        self._fresh: list[Place] = []
        self._fresh_since = 0.0
        self._next_id = 1
        self._sealed_to = 0
        self._waits = delays(*_DISK_WAITS_S)

    def _run(self) -> None:
        try:
            self._work()
            while self._wait():
                self._work()
            while self._work() and not self._desk.empty:
                pass
        except BaseException as failure:
            self._end(failure)
            raise
        self._end(None)

    def _end(self, failure: BaseException | None) -> None:
        if self._file is not None:
            self._file.close()
        lost = self._desk.end(failure) + _points(self._unsaved)
        if lost:
            _log.error("%d points could not be written before the journal was closed", lost)

    def _wait(self) -> bool:
        """Until there is something to do; False once the journal is closed."""
        if self.writable:
            return self._desk.wait(self._due)
        return self._desk.wait_until(time.monotonic() + next(self._waits))

    def _due(self) -> float | None:
        """When fresh rows are to be sealed, if someone waits for them."""
        return self._fresh_since + self._seal_s if self._fresh and self._desk.wanted else None

    def _work(self) -> bool:
        """All that is due; True if the disk took it."""
        try:
            try:
                self._commit()
                self._hand_out()
            except NotAJournal as wrong:
                self._begin_anew(wrong)
                self._commit()
                self._hand_out()
        except (NotAJournal, sqlite3.Error, OSError) as wrong:
            self._lose_disk(wrong)
            return False
        return True

    def _commit(self) -> None:
        """Everything that waits, in one transaction."""
        file = self._file or self._opened()
        if not self._unsaved:
            for lot in self._desk.take(_TAKE_POINTS):
                self._unsaved += self._stamper.rows(lot)
            self._desk.refused(self._stamper.take_refused())
        settled, out, tally = self._desk.take_settled()
        try:
            dropped = self._change(file, settled, out, tally)
        except BaseException:
            self._desk.put_back(settled)
            raise
        self._desk.committed(settled, dropped)
        if not self.writable:
            self.writable = True
            self._waits = delays(*_DISK_WAITS_S)
            _log.info("the journal can be written again; %d points wait for the centre", self._desk.waiting)
        file.give_back()

    def _change(self, file: JournalFile, settled: Sequence[Settled], out: frozenset[int], tally: Tally) -> list[Place]:
        """What had to be dropped. In memory nothing is changed unless all of it is durable."""
        rows = list(enumerate(self._unsaved, self._next_id))
        fresh = self._fresh + [Place(row.measurement, row_id, row.points) for row_id, row in rows]
        seal = self._seal_is_due(fresh)
        with file.transaction():
            for parcel, ack in settled:
                place = Place(parcel.measurement, parcel.id, parcel.points)
                if ack.unreadable:
                    file.set_aside(place, ack.unreadable)
                else:
                    file.remove(place)
            for row_id, row in rows:
                file.append(row_id, row)
            if seal:
                _join(file, fresh)
            dropped = file.make_room(out)
            for place in dropped:
                tally.dropped[place.measurement] = tally.dropped.get(place.measurement, 0) + place.points
            if settled or dropped or tally != self._saved:
                self._save(file, tally)
        if rows and not self._fresh:
            self._fresh_since = time.monotonic()
        self._unsaved = []
        self._next_id += len(rows)
        gone = {place.id for place in dropped}
        self._fresh = [] if seal else [place for place in fresh if place.id not in gone]
        if seal:
            self._sealed_to = self._next_id - 1
        self._saved = tally
        return dropped

    def _seal_is_due(self, fresh: Sequence[Place]) -> bool:
        if sum(place.points for place in fresh) >= LOT_POINTS or len(fresh) >= _SEAL_ROWS:
            return True
        return bool(self._fresh) and self._desk.wanted and time.monotonic() >= self._fresh_since + self._seal_s

    def _save(self, file: JournalFile, tally: Tally) -> None:
        tally.last_us, tally.next_seq, tally.rescued = self._stamper.last_us, self._stamper.next_seq, self._rescued
        file.save(tally)

    def _hand_out(self) -> None:
        """Answer the uplink, if there is something for it."""
        request = self._desk.look()
        if request is None or self._file is None or self._sealed_to <= request.after:
            return
        parcels, damaged = self._file.between(request.after, self._sealed_to, request.most)
        if damaged:
            self._set_aside(self._file, damaged)
        if parcels:
            self._desk.hand_out(request, parcels)

    def _set_aside(self, file: JournalFile, damaged: Sequence[Place]) -> None:
        tally = self._desk.counts()
        tally.set_aside += len(damaged)
        with file.transaction():
            for place in damaged:
                file.set_aside(place, "its bytes have changed on the disk")
            self._save(file, tally)
        self._desk.damaged(damaged)
        _log.error("%d batches of the journal have changed on the disk and are set aside", len(damaged))

    def _opened(self) -> JournalFile:
        """The file, and what it holds taken into account."""
        self.corrupt = times_corrupt(self._path)
        file = JournalFile.open(self._path, self._max_bytes)
        try:
            self._rescue(file)
            tally, next_seq = file.tally(), file.next_seq()
            places = sorted(file.places(), key=lambda place: place.id)
            self._stamper.go_on_after(max(tally.last_us, file.last_us()), tally.next_seq)
            self._stamper.go_on_after(-1, next_seq)
            with file.transaction():
                _join(file, self._small_ends(places))
        except BaseException:
            file.close()
            raise
        # If the last commit failed and came through all the same, its rows are there.
        self._unsaved = [row for row in self._unsaved if row.last_seq >= next_seq.get(row.measurement, 0)]
        self._desk.found(
            {place.id: place.points for place in places}, _points(self._unsaved), None if self._counted else tally
        )
        self._counted = True
        self._fresh = []
        if places:
            self._sealed_to = max(self._sealed_to, places[-1].id)
            self._next_id = max(self._next_id, places[-1].id + 1)
        self._file = file
        return file

    def _rescue(self, file: JournalFile) -> None:
        """Copy what can be read of damaged files that was not copied yet. It may be cut short, and begins again."""
        self._rescued = file.tally().rescued
        if self._rescued >= self.corrupt:
            return
        damaged = not_rescued(self._path, self._rescued, self.corrupt)
        there = file.digests() | self._done
        copied = 0
        for path in damaged:
            with Rescue(path) as rescue:
                rows = (row for row in rescue.rows() if row.digest not in there)
                while some := list(islice(rows, _RESCUE_ROWS)):
                    with file.transaction():
                        for row_id, row in enumerate(some, self._next_id):
                            file.append(row_id, row)
                    self._next_id += len(some)
                    copied += _points(some)
                tally = rescue.tally()
            self._stamper.go_on_after(tally.last_us, tally.next_seq)
            if not self._counted:
                self._desk.found({}, 0, tally)
        self._counted = True
        self._rescued = self.corrupt
        self._done = set()
        with file.transaction():
            self._save(file, self._desk.counts())
        _log.warning("%d points could be read in what was damaged, and are kept", copied)

    def _small_ends(self, places: Sequence[Place]) -> Sequence[Place]:
        """The newest rows that are small and were never handed out: an earlier process had no time to join them."""
        first = len(places)
        while first and len(places) - first < _SEAL_ROWS:
            place = places[first - 1]
            if place.id <= self._sealed_to or place.points > LOT_POINTS // 2:
                break
            first -= 1
        return places[first:]

    def _begin_anew(self, wrong: NotAJournal) -> None:
        """What is in memory is kept; of what was in the file, whatever can be read."""
        self._close()
        put_aside(self._path)
        self.corrupt = times_corrupt(self._path)
        aside = corrupt(self._path, self.corrupt)
        _log.error("the journal is damaged (%s): it is put aside as %s, a new one is begun", wrong, aside.name)
        self._saved = Tally()
        self._done |= self._desk.begin_anew()

    def _lose_disk(self, wrong: Exception) -> None:
        """Say so once, and keep what there is in memory."""
        self._close()
        if self.writable:
            _log.error("the journal cannot be written, points are kept in memory: %s", wrong)
        self.writable = False
        self._desk.unwritable(str(wrong))

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _join(file: JournalFile, fresh: Sequence[Place]) -> None:
    """Make few large rows of many small ones, each under the id of its first."""
    groups: dict[str, list[Place]] = {}
    for place in fresh:
        group = groups.setdefault(place.measurement, [])
        if sum(each.points for each in group) + place.points > LOT_POINTS:
            _join_group(file, group)
            group.clear()
        group.append(place)
    for group in groups.values():
        _join_group(file, group)


def _join_group(file: JournalFile, group: Sequence[Place]) -> None:
    if len(group) < 2:
        return
    rows = file.rows(group)
    whole = joined(rows) if len(rows) == len(group) else None
    if whole is not None:
        for place in group:
            file.remove(place)
        file.append(group[0].id, whole)


def _points(rows: Sequence[Row]) -> int:
    return sum(row.points for row in rows)
