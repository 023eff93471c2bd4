"""The watch: about once a second it gives the engine what is new, and the inbox what the engine found.

It runs in a thread of `lophoc ingest`, in one worker of several: whoever holds the lock beside the inbox. When that one
dies, the kernel lets go of the lock and another takes over from what the inbox has. Whatever fails is counted and said
once; the engine is then made again from the inbox, so that neither runs ahead of the other.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from classroom_profiles.problem import DocumentError
from cloud_ingest.alarms.centre_alarms import Centre
from cloud_ingest.alarms.engine import Engine
from cloud_ingest.alarms.forecast_verdicts import Forecast
from cloud_ingest.alarms.hours import Calendar, WrongHolidays
from cloud_ingest.alarms.inbox import Alarms, InboxUnavailable
from cloud_ingest.alarms.rules import MailStep, RuleSet
from cloud_ingest.alarms.rules_file import BUILTIN, load_rules
from cloud_ingest.alarms.unit import Point
from cloud_ingest.gateways import Gateway
from cloud_ingest.last_values import LastValuesUnavailable
from cloud_ingest.registry import RegistryUnavailable
from cloud_ingest.store import StoreUnavailable, wall_us

PERIOD_S = 1.0
_GATEWAYS_S = (1.0, 10.0)
"""How often the registry is read: a small one each second, a large one so that it takes a twentieth of the time."""
_GATEWAYS_SHARE = 0.05
_LOCK_S = 2.0
_KEPT_S = 10.0
_FORECASTS_S = 3_600.0
_FORGET_S = 3_600.0
KEEP_CLEARED_US = 366 * 86_400_000_000

_AWAY = (OSError, InboxUnavailable, LastValuesUnavailable, RegistryUnavailable, StoreUnavailable)
"""What happens to servers and disks: said, and not shown as a mistake."""

_log = logging.getLogger("lophoc.ingest.alarms")


class News(Protocol):
    """Where points come from: `operations.feed.Feed` is one, and so are the last values."""

    def changed_since(self, revision: int, /) -> tuple[int, Sequence[Point]]: ...


@dataclass(slots=True)
class WatchCounts:
    turns: int = 0
    failures: int = 0
    busy_s: float = 0.0
    """For how long it has computed."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the watch asks. Each may raise what it likes: it is asked again."""

    news: News
    gateways: Callable[[], Sequence[Gateway]]
    centre: Callable[[], Centre] = Centre
    forecasts: Callable[[], Iterable[Forecast] | None] | None = None
    """None of what it returns: nobody knows now."""
    wards: Callable[[], Mapping[str, str]] = dict


class Watch:
    """Between `start` and `stop` it runs by itself, if it has the lock."""

    def __init__(
        self,
        inbox: Path,
        sources: Sources,
        rules: Path | None = None,
        *,
        clock_us: Callable[[], int] = wall_us,
        period_s: float = PERIOD_S,
        lock_s: float = _LOCK_S,
    ) -> None:
        """`rules`: None for those that come with lophoc. The file may change at any time."""
        self.counts = WatchCounts()
        self.has_lock = threading.Event()
        self._path = inbox
        self._sources = sources
        self._rules_path = rules or BUILTIN
        self._rules_stamp: tuple[int, int] | None = None
        self._rules: tuple[RuleSet, Calendar] | None = None
        self._clock_us = clock_us
        self._period_s = period_s
        self._lock_s = lock_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
        self._engine: Engine | None = None
        self._revision = 0
        self._due_us = dict.fromkeys(("gateways", "kept", "forecasts", "forget"), 0)
        self._failing = ""
        self._gateways_s = _GATEWAYS_S[0]

    def start(self) -> None:
        self._thread.start()

    def mail_steps(self) -> Sequence[MailStep]:
        """Whom the rules that hold now want to be written to."""
        return () if self._rules is None else self._rules[0].escalation

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def _run(self) -> None:
        lock = -1
        try:
            while lock < 0:
                lock = self._locked()
                if lock < 0 and self._stopping.wait(self._lock_s):
                    return
            self.has_lock.set()
            while not self._stopping.wait(self._period_s):
                self._survive()
        finally:
            if lock >= 0:
                os.close(lock)
            self.has_lock.clear()

    def _locked(self) -> int:
        """The lock's descriptor; -1 if another has it, or there can be none now."""
        try:
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as why:
            self._say(f"no alarms: {self._path}: {why.strerror}")
            return -1
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return -1
        return lock

    def _survive(self) -> None:
        """One turn. Ingestion goes on whatever becomes of it."""
        try:
            with Alarms(self._path, create=True, clock_us=self._clock_us) as inbox:
                while not self._stopping.is_set():
                    started = time.thread_time()
                    self.turn(inbox)
                    self.counts.busy_s += time.thread_time() - started
                    self.counts.turns += 1
                    if self._failing:
                        self._failing = ""
                        _log.info("alarms are watched again")
                    if self._stopping.wait(self._period_s):
                        return
        except Exception as why:  # noqa: BLE001 - alarms must never stop what feeds them
            self.counts.failures += 1
            self._engine = None
            self._say(f"alarms wait, they will be caught up with: {type(why).__name__}: {why}", why)

    def turn(self, inbox: Alarms) -> None:
        """Give the engine what is new, and the inbox what it found. Raises what the sources and the inbox raise."""
        now_us = self._clock_us()
        self._look_at_rules()
        engine = self._engine
        is_first = engine is None
        if engine is None:
            assert self._rules is not None
            engine = Engine(*self._rules, self._sources.wards())
            engine.restore(inbox.holding(), inbox.kept())
            self._revision = 0
            self._due_us = dict.fromkeys(self._due_us, 0)
        revision, points = self._sources.news.changed_since(self._revision)
        gateways = self._gateways(now_us)
        forecasts = None
        if self._sources.forecasts is not None and self._is_due("forecasts", now_us, _FORECASTS_S):
            forecasts = self._sources.forecasts()
        if gateways is not None:
            engine.rooms({(one.school, room): one.name for one in gateways for room in one.rooms})
        self._engine = None  # until the inbox has it: else what was found would be lost
        found = engine.feed(
            points, now_us, gateways=gateways, forecasts=forecasts, centre=None if is_first else self._sources.centre()
        )
        if found or self._is_due("kept", now_us, _KEPT_S):
            changed, gone = engine.keep()
            inbox.apply(found, changed, gone)
        self._revision = revision
        self._engine = engine
        if self._is_due("forget", now_us, _FORGET_S):
            inbox.forget(now_us - KEEP_CLEARED_US)

    def _gateways(self, now_us: int) -> Sequence[Gateway] | None:
        """None while it is not time to look."""
        if not self._is_due("gateways", now_us, self._gateways_s):
            return None
        started = time.thread_time()
        found = self._sources.gateways()
        least, most = _GATEWAYS_S
        self._gateways_s = min(most, max(least, (time.thread_time() - started) / _GATEWAYS_SHARE))
        return found

    def _look_at_rules(self) -> None:
        """Read them again if they have changed; a file with mistakes changes nothing."""
        stat = self._rules_path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp == self._rules_stamp:
            return
        try:
            rules = load_rules(self._rules_path)
            self._rules = rules, Calendar.of(rules, self._rules_path)
        except (DocumentError, WrongHolidays) as wrong:
            if self._rules is None:
                raise
            _log.error("the alarm rules are not taken, the ones before hold on: %s", wrong)
        else:
            self._engine = None
        self._rules_stamp = stamp

    def _is_due(self, what: str, now_us: int, every_s: float) -> bool:
        due_us = self._due_us[what]
        if now_us < due_us and due_us - now_us <= every_s * 1e6:
            return False
        self._due_us[what] = now_us + int(every_s * 1e6)
        return True

    def _say(self, what: str, why: BaseException | None = None) -> None:
        """Once, until it is another."""
        if what != self._failing:
            self._failing = what
            _log.warning("%s", what, exc_info=None if why is None or isinstance(why, _AWAY) else why)
