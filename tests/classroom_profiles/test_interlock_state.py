"""What interlocks make of readings, silence and time."""

from typing import Any

import pytest

from classroom_profiles.capability import Command, Value
from classroom_profiles.interlock_rule import Rule
from classroom_profiles.interlock_state import BY_HAND, CauseStands, Evaluator, NotTripped, Seen, State, Step
from classroom_profiles.reading import Health, HealthState
from tests.classroom_profiles.interlock_rooms import rule, rules, sets

S = 1_000_000
ONLINE, GONE, FAULT = Health(HealthState.ONLINE), Health(HealthState.UNREACHABLE), Health(HealthState.FAULT, "sensor")
THEN = [sets("valve", switch=False), sets("fan", level=100)]
OPEN, SHUT = Command.parse("switch", True), Command.parse("switch", False)


def gas(*more: dict[str, Any], **test: Any) -> Evaluator:
    """Above 1000 for 2 s, or silent for 5 s."""
    return Evaluator(gas_rules(*more, **test), 0)


def gas_rules(*more: dict[str, Any], **test: Any) -> tuple[Rule, ...]:
    given = test or {"above": 1000, "for_s": 2}
    when = [{"device": "gas", "metric": "gas_ppm", **given}, {"device": "gas", "metric": "gas_ppm", "silent_s": 5}]
    return rules(rule("gas", [*when, *more], THEN))


def read(evaluator: Evaluator, value: Value, at_s: float, metric: str = "gas_ppm", device: str = "gas") -> list[Step]:
    return evaluator.read(device, metric, value, round(at_s * S))


def test_it_is_not_known_to_be_safe_before_the_first_reading() -> None:
    evaluator = gas()
    assert evaluator.state("gas") is State.WAITING
    assert evaluator.forbids("valve", OPEN) is not None
    assert evaluator.forbids("valve", SHUT) is None
    assert [(step.before, step.after) for step in read(evaluator, 20.0, 1)] == [(State.WAITING, State.ARMED)]
    assert evaluator.forbids("valve", OPEN) is None


def test_what_was_never_read_stands_in_the_way_of_a_reset_as_unknown_and_not_as_dangerous() -> None:
    evaluator = Evaluator(gas_rules(), 0, {"gas": BY_HAND})
    assert [seen.test for seen in evaluator.stands("gas", 1 * S)] == ["unknown", "unknown"]
    assert [seen.test for seen in evaluator.stands("gas", 6 * S)] == ["unknown", "silent"]
    read(evaluator, 1001.0, 7)
    assert [seen.test for seen in evaluator.stands("gas", 7 * S)] == ["above"]
    evaluator.garbled("gas", "gas_ppm", 8 * S)
    assert [seen.test for seen in evaluator.stands("gas", 8 * S)] == ["above"], "what was dangerous stays so"


def test_a_dangerous_value_trips_once_it_has_lasted() -> None:
    evaluator = gas()
    read(evaluator, 20.0, 0)
    (pending,) = read(evaluator, 1001.0, 1)
    assert (pending.after, pending.cause) == (
        State.PENDING,
        Seen("gas.gas_ppm > 1000 for 2 s (1001)", "gas", "gas_ppm", "above"),
    )
    assert evaluator.next_us == 3 * S
    assert evaluator.tick(2 * S) == []
    (tripped,) = evaluator.tick(3 * S)
    assert tripped.is_trip
    assert evaluator.state("gas") is State.TRIPPED
    assert [str(order) for order in evaluator.orders()] == ["valve.switch=off", "fan.level=100"]
    assert evaluator.forbids("valve", OPEN) is not None
    assert evaluator.forbids("fan", Command.parse("level", 30)) is not None
    assert evaluator.forbids("fan", SHUT) is not None, "a fan that is off has no level"
    assert evaluator.forbids("fan", Command.parse("level", 100)) is None


def test_the_reading_that_completes_the_time_trips_without_a_tick() -> None:
    evaluator = gas()
    read(evaluator, 1001.0, 1)
    assert [step.is_trip for step in read(evaluator, 1200.0, 3)] == [True]


def test_a_value_that_goes_back_in_time_trips_nothing() -> None:
    evaluator = gas()
    read(evaluator, 1001.0, 1)
    assert [step.after for step in read(evaluator, 1000.0, 2.9)] == [State.ARMED]
    assert read(evaluator, 1001.0, 3.1)[0].after is State.PENDING
    assert evaluator.tick(round(5.0 * S)) == []
    assert evaluator.tick(round(5.1 * S))[0].is_trip


def test_a_sensor_that_falls_silent_with_a_dangerous_value_trips_all_the_same() -> None:
    evaluator = gas(for_s=2, above=1000)
    read(evaluator, 1500.0, 1)
    assert [step.is_trip for step in evaluator.tick(3 * S)] == [True]


def test_silence_trips() -> None:
    evaluator = gas()
    read(evaluator, 20.0, 1)
    assert evaluator.tick(6 * S - 1) == []
    (step,) = evaluator.tick(6 * S)
    assert step.cause is not None
    assert (step.cause.text, step.cause.test) == ("gas.gas_ppm silent for 5 s", "silent")


def test_a_sensor_that_never_says_anything_trips_after_its_time() -> None:
    evaluator = gas()
    assert evaluator.next_us == 5 * S
    assert evaluator.tick(5 * S)[0].is_trip


def test_silence_is_noticed_a_second_time() -> None:
    evaluator = gas()
    evaluator.tick(5 * S)
    assert read(evaluator, 20.0, 100)[0].after is State.LATCHED
    assert evaluator.next_us == 105 * S
    assert evaluator.tick(105 * S)[0].after is State.TRIPPED


@pytest.mark.parametrize("gone", [GONE, FAULT])
def test_an_unreachable_or_faulty_sensor_trips(gone: Health) -> None:
    evaluator = Evaluator(rules(rule("r", [{"device": "gas", "unreachable_s": 3}], THEN)), 0)
    assert evaluator.state("r") is State.WAITING
    assert evaluator.reach("gas", ONLINE, S)[0].after is State.ARMED
    assert evaluator.reach("gas", gone, 2 * S)[0].after is State.PENDING
    assert evaluator.tick(3 * S) == []
    assert evaluator.next_us == 5 * S
    assert evaluator.tick(5 * S)[0].is_trip
    assert evaluator.reach("gas", ONLINE, 6 * S)[0].after is State.LATCHED


def test_it_lasts_until_staff_reset_it_and_only_without_a_cause() -> None:
    evaluator = gas(above=1000)
    assert read(evaluator, 1001.0, 1)[0].is_trip
    with pytest.raises(CauseStands, match=r"gas\.gas_ppm > 1000 \(1001\)"):
        evaluator.reset("gas", 2 * S)
    assert read(evaluator, 20.0, 3)[0].after is State.LATCHED
    assert read(evaluator, 1001.0, 4)[0].after is State.TRIPPED
    read(evaluator, 20.0, 5)
    (step,) = evaluator.reset("gas", 6 * S)
    assert (step.before, step.after) == (State.LATCHED, State.ARMED)
    assert evaluator.orders() == {}
    with pytest.raises(NotTripped):
        evaluator.reset("gas", 7 * S)


def test_it_cannot_be_reset_while_its_sensor_is_silent() -> None:
    evaluator = gas(above=1000)
    read(evaluator, 1001.0, 1)
    read(evaluator, 20.0, 2)
    with pytest.raises(CauseStands, match="silent"):
        evaluator.reset("gas", 7 * S)


def test_what_was_latched_before_a_restart_is_so_until_the_sensor_says_otherwise() -> None:
    seen = Seen("gas.gas_ppm > 1000 (1300)", "gas", "gas_ppm", "above")
    (one,) = rules(
        rule(
            "gas", [{"device": "gas", "metric": "gas_ppm", "above": 1000}, {"device": "gas", "unreachable_s": 5}], THEN
        )
    )
    evaluator = Evaluator([one], 0, {"gas": seen})
    assert (evaluator.state("gas"), evaluator.cause("gas"), evaluator.latched) == (State.TRIPPED, seen, {"gas": seen})
    with pytest.raises(CauseStands, match="nothing read yet"):
        evaluator.reset("gas", S)
    evaluator.reach("gas", ONLINE, S)
    assert read(evaluator, 20.0, 2)[0].after is State.LATCHED
    evaluator.reset("gas", 3 * S)
    assert evaluator.latched == {}


def test_each_press_of_a_button_is_an_event_of_its_moment() -> None:
    when: list[dict[str, Any]] = [
        {"device": "button", "metric": "action", "equals": "single"},
        {"device": "button", "unreachable_s": 60},
    ]
    evaluator = Evaluator(rules(rule("stop", when, THEN)), 0)
    evaluator.reach("button", ONLINE, 0)
    assert evaluator.state("stop") is State.ARMED
    assert read(evaluator, "double", 1, "action", "button") == []
    steps = read(evaluator, "single", 2, "action", "button")
    assert [step.after for step in steps] == [State.TRIPPED, State.LATCHED]
    evaluator.reset("stop", 3 * S)
    assert read(evaluator, "single", 4, "action", "button")[0].is_trip


def test_the_panels_button_trips_once() -> None:
    evaluator = Evaluator(rules(rule("stop", [], THEN, panel="button")), 0)
    assert evaluator.state("stop") is State.ARMED
    steps = evaluator.trip("stop", S)
    assert [step.after for step in steps] == [State.TRIPPED, State.LATCHED]
    assert evaluator.cause("stop") is BY_HAND
    assert evaluator.trip("stop", 2 * S) == []
    evaluator.reset("stop", 3 * S)


@pytest.mark.parametrize("value", ["ERR", True, float("nan"), float("inf")])
def test_what_is_no_number_counts_as_silence_and_is_not_safe(value: Value) -> None:
    evaluator = gas()
    read(evaluator, 20.0, 1)
    assert [step.after for step in read(evaluator, value, 2)] == [State.WAITING]
    assert evaluator.forbids("valve", OPEN) is not None
    assert evaluator.tick(6 * S)[0].is_trip, "5 s after the last word that made sense"


def test_one_rules_text_is_not_another_rules_garbage() -> None:
    when = [{"device": "gas", "unreachable_s": 60}]
    text = rule(
        "text", [{"device": "gas", "metric": "gas_ppm", "equals": "leak"}, *when], [sets("valve", switch=False)]
    )
    number = rule("number", [{"device": "gas", "metric": "gas_ppm", "above": 5}, *when], [sets("fan", level=100)])
    evaluator = Evaluator(rules(text, number), 0)
    assert [step.rule.id for step in read(evaluator, 6.0, 1) if step.is_trip] == ["number"]


def test_a_second_cause_that_is_due_sooner_is_not_waited_for_in_vain() -> None:
    when: list[dict[str, Any]] = [
        {"device": "gas", "metric": "gas_ppm", "above": 10, "for_s": 60},
        {"device": "gas", "metric": "gas_ppm", "above": 100, "for_s": 1},
        {"device": "gas", "unreachable_s": 100},
    ]
    evaluator = Evaluator(rules(rule("gas", when, THEN)), 0)
    evaluator.reach("gas", ONLINE, 0)
    read(evaluator, 50.0, 1)
    assert read(evaluator, 200.0, 2) == []
    assert evaluator.next_us == 3 * S


def test_the_same_day_gives_the_same_steps() -> None:
    def day() -> list[str]:
        evaluator, steps = gas(), []
        for second in range(200):
            steps += read(evaluator, float(second * 37 % 1500), second)
            steps += evaluator.tick(second * S)
        return [f"{step.at_us} {step.before} {step.after} {step.cause}" for step in steps]

    assert day() == day()
