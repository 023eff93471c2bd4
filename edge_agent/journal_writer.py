"""The one thread that touches the journal's file.

    new rows ──commit within 50 ms──► fresh ──join after `seal_s`, 1,000 or 4,000 points──► sealed ──► parcels

Fresh rows are small and durable already; joined they are sent with a tenth of the bytes. What was handed out keeps its
bytes. A row's id grows with its age, and every fresh row is later than every sealed one. Rows whose times are not
trusted are given the right ones, if the uplink has not had them, as soon as the time is known.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from classroom_profiles.telemetry import Clock
from edge_agent.backoff import delays
from edge_agent.clock import Moment
from edge_agent.damaged_journals import corrupt, put_aside, times_corrupt
from edge_agent.intake import LOT_POINTS
from edge_agent.journal_account import account
from edge_agent.journal_desk import Desk, Settled
from edge_agent.journal_file import JournalFile, Key
from edge_agent.journal_join import MOST_ROWS, join, small_ends
from edge_agent.journal_judge import NotAJournal
from edge_agent.journal_ledger import Ledger, waits_for_the_time
from edge_agent.journal_places import Found, Parcel, Place
from edge_agent.journal_tally import Tally
from edge_agent.journal_upgrade import moved
from edge_agent.stamping import Row, Stamper, retimed

_CALM_POINTS = 4_000
"""Of a row while nobody wants it: fewer and larger ones take less room, and are sent faster later."""
_LOOK_AGAIN_S = 1.0
_RETIME_ROWS = 50
_TAKE_POINTS = 10 * LOT_POINTS
_DISK_WAITS_S = (0.2, 5.0)

_log = logging.getLogger("lophoc.journal")


class Writer:
    """Runs until the desk is closed. A disk that fails is tried again; a damaged file is put aside."""

    def __init__(
        self, desk: Desk, path: Path, boot: str, max_bytes: int, seal_s: float, clock: Callable[[], Moment]
    ) -> None:
        self.thread = threading.Thread(target=self._run, name="journal")
        self.corrupt = 0
        """Files put aside so far."""
        self.writable = True
        self.newest = 0
        """The id of the last row that can be handed out."""
        self.oldest_us: int | None = None
        """About when the oldest that waits was written."""
        self._desk = desk
        self._path = path
        self._boot = boot
        self._clock = clock
        self._max_bytes = max_bytes
        self._seal_s = seal_s
        self._stamper = Stamper(boot)
        self._file: JournalFile | None = None
        self._ledger = Ledger(self._stamper)
        self._done: set[str] = set()
        self._whole = False
        """The file was read from end to end once, and SQLite finds its way in it."""
        self._unsaved: list[Row] = []
        self._fresh: list[Place] = []
        self._fresh_since = 0.0
        self._next_id = 1
        self._untrusted: dict[int, Place] = {}
        """Rows of this boot under a clock that nobody trusts, and which the uplink has not had."""
        self._sealed_to = 0
        self._look_at = 0.0
        self._oldest_at = 0.0
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
            if failure is None:
                with suppress(NotAJournal, sqlite3.Error), self._file.transaction():
                    self._ledger.save(self._file, self._desk.counts(), self._ledger.gone, self._unsaved)
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
        """When fresh rows are to be sealed, if someone waits for them, or the clock is to be looked at again."""
        times: list[float] = []
        if self._fresh and self._desk.wanted:
            enough = sum(place.points for place in self._fresh) >= LOT_POINTS
            times.append(0.0 if enough else self._fresh_since + self._seal_s)
        if self._untrusted and (self._desk.wanted or not self._look_at):
            times.append(self._look_at)
        return min(times, default=None)

    def _work(self) -> bool:
        """All that is due; True if the disk took it."""
        try:
            try:
                self._do()
            except NotAJournal as wrong:
                self._begin_anew(wrong)
                self._do()
        except (NotAJournal, sqlite3.Error, OSError) as wrong:
            self._lose_disk(wrong)
            return False
        except Exception as defect:  # noqa: BLE001 - whoever writes points controls a room, and must not end with us
            if self.writable:
                _log.exception("a defect of the journal; the room goes on without it")
            self._lose_disk(defect)
            return False
        return True

    def _do(self) -> None:
        file = self._file or self._opened()
        self._retime(file)  # before anything new gets a time
        self._commit(file)
        self._see_newest()
        self._hand_out()
        self._look_how_old()

    def _commit(self, file: JournalFile) -> None:
        """Everything that waits, in one transaction."""
        if not self._unsaved:
            if not self._untrusted:
                self._stamper.sent_until(self._stamper.last_us)
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
        gone: list[Place] = []
        with file.transaction():
            for parcel, ack in settled:
                place = Place(parcel.measurement, parcel.id, parcel.points)
                if file.set_aside(place, ack.unreadable) if ack.unreadable else file.remove(place):
                    gone.append(place)
            for row_id, row in rows:
                file.append(row_id, row)
            joined_away = join(file, fresh, LOT_POINTS if self._desk.wanted else _CALM_POINTS) if seal else set()
            dropped = file.make_room(out)
            for place in dropped:
                tally.dropped[place.measurement] = tally.dropped.get(place.measurement, 0) + place.points
            without = self._ledger.without([*gone, *dropped])
            if settled or dropped or seal or self._ledger.is_news(tally):
                self._ledger.save(file, tally, without)
        self._ledger.gone = without
        if rows and not self._fresh:
            self._fresh_since = time.monotonic()
        self._untrusted |= {
            row_id: Place(row.measurement, row_id, row.points) for row_id, row in rows if row.clock is Clock.UNTRUSTED
        }
        self._unsaved = []
        self._next_id += len(rows)
        dropped_ids = {place.id for place in dropped}
        settled_ids = {parcel.id for parcel, _ in settled}
        for row_id in dropped_ids | joined_away | settled_ids:
            self._untrusted.pop(row_id, None)
        self._fresh = [] if seal else [place for place in fresh if place.id not in dropped_ids]
        if seal:
            self._sealed_to = max(place.id for place in fresh if place.id not in joined_away)
        self._ledger.counted(tally)
        return dropped

    def _seal_is_due(self, fresh: Sequence[Place]) -> bool:
        enough = LOT_POINTS if self._desk.wanted else _CALM_POINTS
        if sum(place.points for place in fresh) >= enough or len(fresh) >= MOST_ROWS:
            return True
        return bool(self._fresh) and self._desk.wanted and time.monotonic() >= self._fresh_since + self._seal_s

    def _hand_out(self) -> None:
        """Answer the uplink, if there is something for it."""
        request, file = self._desk.look(), self._file
        if request is None or file is None:
            return
        last = self.newest if request.until is None else request.until
        if last > self.newest:
            return  # some of it waits for the time
        parcels: list[Parcel] = []
        while last > request.after:
            parcels, damaged, changed = file.between(request.after, last, request.most)
            if changed:
                self._look_through_again(changed)
                return
            if not damaged:
                break
            self._set_aside(file, damaged)
        self._keep_times(file, [parcel.id for parcel in parcels])
        if parcels or last == request.until:
            self._desk.hand_out(request, parcels)

    def _keep_times(self, file: JournalFile, ids: Sequence[int]) -> None:
        """What the uplink has had must not come to the centre under another time."""
        places = [self._untrusted[row_id] for row_id in ids if row_id in self._untrusted]
        if not places:
            return
        with file.transaction():
            file.hand_out(places)
            last_us = max((row.last_us for row in file.rows(places)), default=-1)
        self._stamper.sent_until(last_us)
        for place in places:
            del self._untrusted[place.id]

    def _retime(self, file: JournalFile) -> None:
        """Once the time is known, the points that wait get the times that they had by the monotonic clock; some of
        them at a time, since points come in meanwhile. Until all have it, none of them is handed out.
        """
        self._look_at = time.monotonic() + _LOOK_AGAIN_S
        moment = self._clock()
        if not self._untrusted or not moment.trusted:
            return
        some = [self._untrusted[row_id] for row_id in sorted(self._untrusted)[:_RETIME_ROWS]]
        right: list[Row] = []
        ahead = False
        with file.transaction():
            for place in some:
                for row in file.rows([place]):
                    one = retimed(row, moment.offset_us, self._stamper.sure_us)
                    if one is None:  # the journal's time is ahead of the true one: all that waits stays where it is
                        self._stamper.sent_until(self._stamper.last_us)
                        continue
                    file.append(place.id, one)
                    right.append(one)
                    ahead = ahead or one.last_us < row.last_us
            if ahead:
                self._stamper.put_back()
            self._stamper.put_right(max((one.last_us for one in right), default=-1))
            tally = self._desk.counts()
            tally.retimed += _points(right)
            self._ledger.save(file, tally, self._ledger.gone, self._unsaved)
        self._desk.retimed(_points(right))
        for place in some:
            del self._untrusted[place.id]
        if not self._untrusted:
            _log.info("the time is known: points that waited have been given the right one")
        self._look_at = 0.0

    def _see_newest(self) -> None:
        """What can be handed out: not what waits for the time."""
        moment = self._clock()
        held = self._untrusted if moment.trusted or moment.settling else {}
        self.newest = min(self._sealed_to, min(held, default=self._sealed_to + 1) - 1)

    def _look_how_old(self) -> None:
        now = time.monotonic()
        if self._file is not None and now >= self._oldest_at:
            self._oldest_at = now + _LOOK_AGAIN_S
            self.oldest_us = self._file.oldest_us()

    def _set_aside(self, file: JournalFile, damaged: Sequence[Place]) -> None:
        """Rows of which all is known but what was in them."""
        without, lost = self._ledger.without(damaged), sum(place.points for place in damaged)
        tally = self._desk.counts()
        tally.set_aside += len(damaged)
        tally.damaged += lost
        with file.transaction():
            for place in damaged:
                file.set_aside(place, "its bytes have changed on the disk")
            self._ledger.save(file, tally, without, self._unsaved)
        self._ledger.gone = without
        self._desk.damaged(len(damaged), lost)
        _log.error("%d points of the journal have changed on the disk and are set aside", lost)

    def _look_through_again(self, changed: Sequence[Key]) -> None:
        """Columns have changed under us: what they were is found out as at the start."""
        _log.error("%d rows of the journal have changed on the disk", len(changed))
        self._close()
        self._opened()

    def _opened(self) -> JournalFile:
        """The file, and what it holds taken into account."""
        self.corrupt = times_corrupt(self._path)
        file = JournalFile.open(self._path, self._max_bytes)
        try:
            if not self._whole:
                file.check()
            self._whole = True
            moved(file)
            self._next_id, lost = self._ledger.rescue(
                file, self._path, self.corrupt, self._done, self._next_id, self._desk.counts(), self._unsaved
            )
            if lost:
                self._desk.damaged(0, lost)
            found = self._account(file)
        except BaseException:
            file.close()
            raise
        self._fresh = []
        if found:
            self._sealed_to = max(self._sealed_to, found[-1].place.id)
            self._next_id = max(self._next_id, found[-1].place.id + 1)
        self._file = file
        return file

    def _account(self, file: JournalFile) -> Sequence[Found]:
        """Go on where it stopped, with what is there; what is missing is counted."""
        got = account(file)
        if got.lost or got.set_aside:
            _log.error("the disk has lost %d points of the journal", got.lost)
        # If the last commit failed and came through all the same, its rows are there.
        self._unsaved = [row for row in self._unsaved if row.last_seq >= got.next_seq.get(row.measurement, 0)]
        there = {each.place.id: each.place.points for each in got.found}
        before = None if self._ledger.known else got.tally
        self._desk.opened(there, _points(self._unsaved), before, got.set_aside, got.lost)
        self._untrusted = waits_for_the_time(got.found, self._boot)
        self._ledger.go_on(got, self._untrusted, self._unsaved)
        with file.transaction():
            joined_away = join(file, small_ends(got.found, self._sealed_to), LOT_POINTS)
            file.layouts.remove_unused()
            self._ledger.save(file, self._desk.counts(), self._ledger.gone, self._unsaved)
        return file.look_through()[0] if joined_away else got.found

    def _begin_anew(self, wrong: NotAJournal) -> None:
        """What is in memory is kept; of what was in the file, whatever can be read."""
        self._close()
        put_aside(self._path)
        self.corrupt = times_corrupt(self._path)
        aside = corrupt(self._path, self.corrupt)
        _log.error("the journal is damaged (%s): it is put aside as %s, a new one is begun", wrong, aside.name)
        self._ledger.begin_anew()
        self._whole = False
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


def _points(rows: Sequence[Row]) -> int:
    return sum(row.points for row in rows)
