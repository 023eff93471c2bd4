"""The watch goes on whatever fails, is one of several, and after a restart knows what it knew."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloud_ingest.alarms.alarm import AlarmState, Everything
from cloud_ingest.alarms.hours import CITY
from cloud_ingest.alarms.inbox import Alarms, InboxUnavailable, Wanted
from cloud_ingest.alarms.sources import Soon, forecasts_in
from cloud_ingest.alarms.watch import Sources, Watch
from cloud_ingest.forecasts.forecast_file import FILE
from cloud_ingest.gateways import Gateway
from cloud_ingest.last_rows import Wanted as WantedName
from cloud_ingest.registry import RegistryUnavailable
from cloud_ingest.store import StoreUnavailable
from tests.cloud_ingest.alarms.alarm_city import MONDAY_9_US, P, S
from tests.cloud_ingest.api.put_forward import a_forecast, foretell

_RULES = """
rules:
  - id: co2
    kind: threshold
    of: {measurement: reading, metric: co2_ppm}
    above: 1500
    name: {vi: a, en: a}
    says: {vi: a, en: "{value} at {where}"}
    severity: warning
    hold_s: 0
    clear_after_s: 0
    together: "no"
"""
_CITY = Everything()


class World:
    """What the watch asks, and a clock."""

    def __init__(self) -> None:
        self.now_us = MONDAY_9_US
        self.values: list[P] = []
        self.fails: Exception | None = None
        self.asked = threading.Event()

    def say(self, value: float) -> None:
        self.now_us += S
        self.values.append(P(value, self.now_us))

    def changed_since(self, revision: int, /, *, wanted: WantedName | None = None) -> tuple[int, Sequence[P]]:
        self.asked.set()
        if self.fails is not None:
            raise self.fails
        return len(self.values), self.values[revision:]

    def gateways(self) -> Sequence[Gateway]:
        return []


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(_RULES)
    return path


def _watch(tmp_path: Path, world: World, rules: Path) -> Watch:
    sources = Sources(world, world.gateways)
    return Watch(tmp_path / "alarms.sqlite", sources, rules, clock_us=lambda: world.now_us, period_s=0.005, lock_s=0.01)


@pytest.fixture
def watch(tmp_path: Path, world: World, rules: Path) -> Iterator[Watch]:
    made = _watch(tmp_path, world, rules)
    made.start()
    yield made
    made.stop()


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20.0
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.005)


def _all(path: Path) -> list[tuple[str, AlarmState]]:
    try:
        with Alarms(path / "alarms.sqlite") as inbox:
            wanted = Wanted(states=frozenset(AlarmState), newest_first=True)
            return [(each.text_en, each.state) for each in inbox.list(_CITY, wanted).alarms]
    except InboxUnavailable:
        return []


def test_it_raises_and_clears(tmp_path: Path, world: World, watch: Watch) -> None:
    world.say(1600)
    _until(lambda: _all(tmp_path) == [("1600 at thcs-a/r1/air", AlarmState.OPEN)])
    world.say(400)
    _until(lambda: _all(tmp_path) == [("1600 at thcs-a/r1/air", AlarmState.CLEARED)])


def test_a_source_that_fails_costs_time_only(tmp_path: Path, world: World, watch: Watch) -> None:
    world.say(1600)
    _until(lambda: len(_all(tmp_path)) == 1)
    world.fails = OSError("the disk")
    _until(lambda: watch.counts.failures > 2)
    world.say(400)
    world.fails = None
    _until(lambda: _all(tmp_path)[0][1] is AlarmState.CLEARED)
    assert len(_all(tmp_path)) == 1


@pytest.mark.parametrize("why", [StoreUnavailable("refused"), RegistryUnavailable("locked"), OSError("the disk")])
def test_what_is_away_is_a_sentence_in_the_log_and_no_traceback(
    world: World, watch: Watch, caplog: pytest.LogCaptureFixture, why: Exception
) -> None:
    world.fails = why
    _until(lambda: watch.counts.failures > 2)
    said = [record for record in caplog.records if record.name == "lophoc.ingest.alarms"]
    assert [(record.exc_info, str(why) in record.getMessage()) for record in said] == [(None, True)]


def test_an_inbox_that_is_away_loses_nothing(tmp_path: Path, world: World, watch: Watch) -> None:
    _until(lambda: watch.counts.turns > 2)
    path = tmp_path / "alarms.sqlite"
    watch.stop()
    for behind in ("", "-wal", "-shm"):
        Path(f"{path}{behind}").unlink(missing_ok=True)
    path.write_bytes(b"no database" * 1000)
    again = _watch(tmp_path, world, tmp_path / "rules.yaml")
    again.start()
    world.say(1600)
    _until(lambda: again.counts.failures > 2)
    path.unlink()
    _until(lambda: len(_all(tmp_path)) == 1)
    again.stop()


def test_another_takes_over_and_doubles_nothing(tmp_path: Path, world: World, rules: Path, watch: Watch) -> None:
    world.say(1600)
    _until(lambda: len(_all(tmp_path)) == 1)
    other = _watch(tmp_path, world, rules)
    other.start()
    _until(lambda: watch.counts.turns > 20)
    assert not other.has_lock.is_set()
    assert other.counts.turns == 0
    watch.stop()
    _until(other.has_lock.is_set)
    _until(lambda: other.counts.turns > 2)
    assert _all(tmp_path) == [("1600 at thcs-a/r1/air", AlarmState.OPEN)]
    world.say(400)
    _until(lambda: _all(tmp_path)[0][1] is AlarmState.CLEARED)
    other.stop()


def test_rules_that_change_are_taken_and_mistakes_are_not(
    tmp_path: Path, world: World, rules: Path, watch: Watch
) -> None:
    world.say(1000)
    _until(lambda: watch.counts.turns > 2)
    rules.write_text(_RULES.replace("above: 1500", "abuve: 900 "))
    _until(lambda: watch.counts.turns > 10)
    assert watch.counts.failures == 0
    rules.write_text(_RULES.replace("above: 1500", "above: 900"))
    _until(lambda: _all(tmp_path) == [("1000 at thcs-a/r1/air", AlarmState.OPEN)])


def test_what_was_forecast_raises_an_alarm_by_the_rules_that_come_with_lophoc(tmp_path: Path, world: World) -> None:
    """And clears it when the lamp was changed; there need be no file at first."""
    path, inbox_path = tmp_path / FILE, tmp_path / "alarms.sqlite"
    today = datetime.fromtimestamp(MONDAY_9_US / 1e6, CITY).date()

    def known() -> list[Soon] | None:
        return forecasts_in(path, today)

    watch = Watch(inbox_path, Sources(world, world.gateways, forecasts=known), clock_us=lambda: world.now_us)
    with Alarms(inbox_path, create=True, clock_us=lambda: world.now_us) as inbox:
        watch.turn(inbox)
        assert _all(tmp_path) == []
        early = today + timedelta(days=20)
        foretell(tmp_path, a_forecast("thcs-a", "r1", today + timedelta(days=40), early=early))
        for _ in range(3):
            world.now_us += 3_601 * S
            watch.turn(inbox)
        found = _all(tmp_path)
        assert [state for _, state in found] == [AlarmState.OPEN]
        assert "in 20 days by forecast" in found[0][0]
        foretell(tmp_path, a_forecast("thcs-a", "r1", None))
        for _ in range(3):
            world.now_us += 3_601 * S
            watch.turn(inbox)
        assert [state for _, state in _all(tmp_path)] == [AlarmState.CLEARED]
