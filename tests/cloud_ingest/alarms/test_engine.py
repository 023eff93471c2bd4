"""What each kind of rule raises and clears, and that what comes late, or again, changes nothing."""

import random
from datetime import date
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.metrics import find
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.alarms.rules import RuleSet
from cloud_ingest.alarms.rules_file import builtin_rules
from cloud_ingest.alarms.sources import Soon, forecasts_in
from cloud_ingest.alarms.transition import Cleared, Raised
from cloud_ingest.forecasts.forecast import Forecast, Wear
from cloud_ingest.forecasts.forecast_file import ForecastFile
from edge_agent.telemetry_points import interlock_point
from tests.cloud_ingest.alarms.alarm_city import MONDAY_9_US, Desk, P, S, gateway, lost, rules

_WORDS = """
    name: {vi: a, en: a}
    says: {vi: "a {value}", en: "a {value} at {where}"}
    severity: warning
    hold_s: 0
    clear_after_s: 0
    together: "no"
"""
_CO2 = "of: {measurement: reading, metric: co2_ppm}"


def _one(tmp_path: Path, kind: str, more: str, of: str = _CO2, extra: str = "") -> RuleSet:
    return rules(tmp_path, f"{extra}\nrules:\n  - id: it\n    kind: {kind}\n    {of}{_WORDS}    {more}\n")


@pytest.fixture
def co2(tmp_path: Path) -> Desk:
    return Desk(_one(tmp_path, "threshold", "above: 1500\n    clear_below: 1200\n    for_s: 60"))


def _say(desk: Desk, *values: Any, every_s: int = 10, **more: Any) -> None:
    for value in values:
        desk.now_us += every_s * S
        desk.feed([P(value, desk.now_us, **more)])


def test_a_threshold_takes_its_time_and_clears_at_its_other_end(co2: Desk) -> None:
    _say(co2, *[1600] * 6)
    assert co2.holding == {}
    _say(co2, 1600, 1600)
    assert co2.texts == ["a 1600 at thcs-a/r1/air"]
    assert co2.found[0].since_us == MONDAY_9_US + 10 * S  # type: ignore[union-attr]
    _say(co2, 1300, 1201)
    assert len(co2.holding) == 1
    _say(co2, 1200)
    assert co2.holding == {}


def test_one_value_that_is_too_high_is_not_long(co2: Desk) -> None:
    _say(co2, 1600)
    co2.wait(600)  # the sensor is gone since
    assert co2.raised == 0
    _say(co2, 1600, 1400, *[1600] * 5)  # nor is it long if it was not so in between
    assert co2.raised == 0


@pytest.mark.parametrize("value", ["high", True, "1600"])
def test_what_is_no_number_is_not_too_high(co2: Desk, value: object) -> None:
    for _ in range(20):
        co2.now_us += 10 * S
        co2.feed([P(value, co2.now_us)])  # type: ignore[arg-type]
    assert co2.raised == 0


def test_what_comes_late_or_again_neither_raises_nor_clears(co2: Desk) -> None:
    _say(co2, *[1600] * 8)
    then_us = co2.now_us
    assert len(co2.holding) == 1
    for ago_s in (0, 1, 50, 3600):
        co2.feed([P(400, then_us - ago_s * S)])
    assert len(co2.holding) == 1
    co2.now_us += 3600 * S
    co2.feed([P(400, then_us + 60 * S)])  # a backlog: newer than what was judged, and not of now
    assert len(co2.holding) == 1
    co2.feed([P(400, co2.now_us)])
    assert co2.holding == {}
    for n in range(100):
        co2.feed([P(2000, co2.now_us - 3500 * S + n * 10 * S)])
        co2.wait(1)
    assert co2.raised == 1


def test_a_point_from_the_future_is_left_alone(co2: Desk) -> None:
    co2.feed([P(9000, co2.now_us + 3600 * S)])
    _say(co2, *[1600] * 8)
    assert len(co2.holding) == 1


def test_clock_jumps_raise_and_clear_nothing(co2: Desk) -> None:
    _say(co2, *[1600] * 3)
    co2.now_us += 7200 * S
    co2.feed()
    assert co2.raised == 0
    co2.now_us -= 7100 * S
    co2.feed()
    _say(co2, *[1600] * 8)
    assert len(co2.holding) == 1
    co2.now_us -= 3600 * S
    co2.feed()
    co2.wait(300)
    assert len(co2.holding) == 1


def test_states_hold_until_another_comes(tmp_path: Path) -> None:
    of = "of: {measurement: device, metric: health}"
    desk = Desk(_one(tmp_path, "value", "one_of: [fault]\n    for_s: 60", of))
    health: dict[str, Any] = {"metric": "health", "measurement": Measurement.DEVICE, "role": "projector"}
    _say(desk, "online", "fault", **health)
    desk.wait(50)
    assert desk.holding == {}
    desk.wait(15)  # nothing new came, and it is in fault still
    assert len(desk.holding) == 1
    _say(desk, "online", **health)
    assert desk.holding == {}


def test_of_states_that_come_late_the_last_one_counts(tmp_path: Path) -> None:
    of = "of: {measurement: device, metric: health}"
    desk = Desk(_one(tmp_path, "value", "one_of: [fault]", of))
    for ago_s, state in ((3000, "online"), (2000, "fault"), (1000, "online")):
        point = P(state, MONDAY_9_US - ago_s * S, "health", measurement=Measurement.DEVICE)
        desk.feed([point])
        desk.wait(2)
    desk.wait(60)
    assert desk.raised == 0


def test_a_flag_is_no_number(tmp_path: Path) -> None:
    of = "of: {measurement: gateway, metric: uplink}"
    desk = Desk(_one(tmp_path, "value", "one_of: [false]", of))
    for value, raised in ((True, 0), (0, 0), (False, 1)):
        desk.now_us += S
        desk.feed([P(value, desk.now_us, "uplink", measurement=Measurement.GATEWAY)])
        assert desk.raised == raised


def test_a_rise_within_the_time_is_seen_and_a_slow_one_is_not(tmp_path: Path) -> None:
    of = "of: {measurement: reading, metric: temperature_c}"
    desk = Desk(_one(tmp_path, "rate", "rises: 10\n    over_s: 300", of))
    _say(desk, *[20 + n / 4 for n in range(100)], metric="temperature_c")
    assert desk.raised == 0
    _say(desk, 45, 47, 56, metric="temperature_c")
    assert len(desk.holding) == 1
    _say(desk, *[56] * 40, metric="temperature_c")
    assert desk.holding == {}


def test_a_counter_that_begins_again_has_not_risen(tmp_path: Path) -> None:
    of = 'of: {measurement: gateway, metric: "dropped_*_points"}'
    desk = Desk(_one(tmp_path, "rate", "rises: 1\n    over_s: 3600", of))
    _say(desk, 500, 500, 0, 0, 1, metric="dropped_reading_points", measurement=Measurement.GATEWAY)
    assert desk.raised == 0
    _say(desk, 40, metric="dropped_reading_points", measurement=Measurement.GATEWAY)
    assert desk.raised == 1


def test_silence_is_raised_once_and_ends_with_a_word(tmp_path: Path) -> None:
    desk = Desk(_one(tmp_path, "silence", "after_s: 300"))
    _say(desk, 400, 401)
    desk.wait(299, step_s=1)
    assert desk.raised == 0
    desk.wait(600)
    assert desk.raised == 1
    _say(desk, 402)
    assert desk.holding == {}
    desk.wait(290)
    _say(desk, 403)
    desk.wait(290)
    assert desk.raised == 1


def test_a_sensor_that_always_says_the_same_is_stuck(tmp_path: Path) -> None:
    desk = Desk(_one(tmp_path, "stuck", "after_s: 600\n    within: 0.5"))
    _say(desk, *[400, 400.4] * 28)
    assert desk.raised == 0
    desk.restart()
    _say(desk, *[400] * 8)
    assert len(desk.holding) == 1
    _say(desk, 401)
    assert desk.holding == {}
    desk.wait(3600)
    assert desk.raised == 1  # silence is something else


def test_an_event_holds_until_it_is_over_or_for_its_time(tmp_path: Path) -> None:
    of = "of: {measurement: event, metric: 'preempt*'}"
    desk = Desk(_one(tmp_path, "event", "cleared_by: lease\n    lasts_s: 600", of))
    event: dict[str, Any] = {"measurement": Measurement.EVENT, "device": "lesson"}
    _say(desk, "lecture", metric="preempted", **event)
    assert desk.texts == ["a lecture at thcs-a/r1/lesson"]
    desk.restart()
    _say(desk, "taken", metric="lease", **event)
    assert desk.holding == {}
    desk.feed([P("old", desk.now_us - 5 * S, "preempted", measurement=Measurement.EVENT, device="lesson")])
    assert desk.holding == {}
    _say(desk, "exam", metric="preempted", **event)
    desk.wait(590)
    assert len(desk.holding) == 1
    desk.wait(15)
    assert desk.holding == {}


def test_what_an_agent_tells_of_a_trip_raises_the_built_in_alarm_and_its_reset_clears_it() -> None:
    """By the very points of the agent, of which each metric is in the schema."""
    desk = Desk(builtin_rules())

    def told(rule: str, metric: str, value: str) -> None:
        desk.now_us += S
        point = interlock_point("lab", rule, metric, value, desk.now_us)
        assert find(point.series.measurement, point.series.metric) is not None
        series = point.series
        more: dict[str, Any] = {"device": series.device, "role": series.role, "room": series.room}
        desk.feed([P(point.value, point.time_us, series.metric, measurement=series.measurement, **more)])

    told("gas", "interlock_tripped", "gas.gas_ppm > 1000 (1250)")
    told("stop", "interlock_tripped", "the panel's button")
    told("gas", "interlock_confirmed", "valve.switch=off")
    assert [text.partition(": ")[2].partition(" (thcs")[0] for text in desk.texts] == [
        "gas.gas_ppm > 1000 (1250)",
        "the panel's button",
    ]
    told("gas", "interlock_reset", "technician")
    assert len(desk.holding) == 1
    told("stop", "interlock_reset", "teacher")
    assert desk.holding == {}


def test_a_rule_keeps_its_hours_and_holidays(tmp_path: Path) -> None:
    extra = "schedules:\n  day: {days: [mon, tue], start: '08:00', end: '10:00'}\nholidays: [{first: 2026-11-03}]"
    desk = Desk(_one(tmp_path, "threshold", "above: 1500\n    schedule: day", extra=extra))
    desk.now_us += 2 * 3600 * S  # 11:00
    _say(desk, *[1600] * 10)
    assert desk.raised == 0
    for hours in (24, 24 * 6 - 3 - 1):  # Tuesday is a holiday; the Monday after, before eight
        desk.now_us += hours * 3600 * S
        _say(desk, *[1600] * 10)
        assert desk.raised == 0
    desk.now_us += 3600 * S
    _say(desk, 1600, 1600)
    assert desk.raised == 1
    desk.now_us += 5 * 3600 * S
    _say(desk, 1600)
    assert len(desk.holding) == 1  # it does not clear because the school is over
    _say(desk, 400)
    assert desk.holding == {}


def test_what_a_dead_gateway_explains_raises_nothing(tmp_path: Path) -> None:
    text = f"""
rules:
  - id: gone
    kind: gateway
    of: {{states: [unreachable]}}{_WORDS}
  - id: silent
    kind: silence
    {_CO2}
    after_s: 300{_WORDS}    unless: [gone]
"""
    desk = Desk(rules(tmp_path, text))
    desk.engine.rooms({("thcs-a", "r1"): "g1", ("thcs-a", "r2"): "g2"})
    well = gateway("thcs-a", "g2", desk.now_us)
    desk.feed([P(400, desk.now_us), P(400, desk.now_us, room="r2")])
    desk.wait(400, [lost(gateway("thcs-a", "g1", desk.now_us), desk.now_us), well], step_s=5)
    assert sorted(each.rule for each in desk.holding.values()) == ["gone", "silent"]
    assert {each.room for each in desk.holding.values()} == {None, "r2"}
    desk.wait(5, [gateway("thcs-a", "g1", desk.now_us), well], step_s=5)
    assert [each.rule for each in desk.holding.values()] == ["silent"]
    desk.feed([P(401, desk.now_us), P(401, desk.now_us, room="r2")])
    desk.wait(200, step_s=5)
    assert desk.holding == {}


def test_a_rule_that_is_gone_takes_its_alarms_with_it(co2: Desk, tmp_path: Path) -> None:
    _say(co2, *[1600] * 9)
    co2.rules = builtin_rules()
    co2.restart()
    co2.wait(5)
    assert co2.holding == {}
    assert set(co2.kept) == {"now"}


def test_a_forecast_that_wavers_raises_one_alarm(tmp_path: Path) -> None:
    desk = Desk(_one(tmp_path, "forecast", "within_days: 30", 'metric: "*_h"'))
    for days, holds in ((60, 0), (30, 1), (35, 1), (29, 1), (37, 0), (inf, 0), (10, 1)):
        desk.now_us += 3600 * S
        desk.engine.feed([], desk.now_us)
        found = desk.engine.feed(
            [], desk.now_us, forecasts=[Soon("thcs-a", "r1", "projector", "projector", "lamp_h", days)]
        )
        for each in found:
            if isinstance(each, Raised):
                desk.holding[each.finding.key] = each.finding
            elif isinstance(each, Cleared):
                del desk.holding[each.key]
        assert len(desk.holding) == holds, days
    assert desk.engine.feed([], desk.now_us + 3600 * S) == []  # nothing is known anew
    assert len(desk.engine.feed([], desk.now_us + 3600 * S, forecasts=[])) == 1  # it was replaced


def test_forecasts_come_from_their_file_if_there_is_one(tmp_path: Path) -> None:
    assert forecasts_in(tmp_path / "none", date(2026, 11, 2)) is None
    path, series = tmp_path / "forecasts.sqlite", Series(Measurement.READING, "r1", "p1", "projector", "lamp_h")
    day = date(2026, 11, 1)
    made = Forecast("thcs-a", series, Wear.LAMP, day, 1.0, 2.0, "h", None, date(2026, 11, 12), None, day, 0.9, 1, "x")
    with ForecastFile(path) as file:
        file.put([made])
    assert forecasts_in(path, date(2026, 11, 2)) == [Soon("thcs-a", "r1", "p1", "projector", "lamp_h", 10.0)]


def test_simulated_points_say_so(co2: Desk) -> None:
    _say(co2, *[1600] * 9, simulated=True)
    assert co2.texts == ["a 1600 at thcs-a/r1/air (simulated)"]


_values = st.lists(st.integers(1000, 1700), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1201, 1500), min_size=1, max_size=60))
def test_between_the_two_ends_nothing_ever_happens(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    desk = Desk(_THRESHOLD)
    _say(desk, *values)
    assert desk.found == []
    _say(desk, *[1600] * 9)
    assert len(desk.found) == 1
    _say(desk, *values)
    assert len(desk.found) == 1


@settings(max_examples=60, deadline=None)
@given(_values, st.integers(0, 2**32))
def test_live_with_restarts_and_copies_is_as_replayed(values: list[int], seed: int) -> None:
    """And no alarm is both open and cleared, which the desk sees to."""
    dice = random.Random(seed)
    live, replayed = Desk(_THRESHOLD), Desk(_THRESHOLD)
    points = [P(value, MONDAY_9_US + (number + 1) * 10 * S) for number, value in enumerate(values)]
    for point in points:
        live.now_us = replayed.now_us = point.time_us
        replayed.feed([point])
        again = dice.choices(points[: points.index(point) + 1], k=dice.randrange(3))
        live.feed([point, *again])
        if dice.random() < 0.3:
            live.restart()
    assert [type(each) for each in live.found if not _is_told_again(each)] == [type(each) for each in replayed.found]
    assert live.holding == replayed.holding
    assert live.since == replayed.since


def _is_told_again(each: object) -> bool:
    return type(each).__name__ == "Changed"  # after a restart the engine says once what holds


def _threshold() -> RuleSet:
    with TemporaryDirectory() as folder:
        return _one(Path(folder), "threshold", "above: 1500\n    clear_below: 1200\n    for_s: 30")


_THRESHOLD = _threshold()
