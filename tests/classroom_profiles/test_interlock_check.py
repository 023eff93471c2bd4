"""Interlocks held against their room: what cannot be relied on is found before it is needed."""

import random
from contextlib import suppress
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from classroom_profiles.capability import Command, Value, WrongValue
from classroom_profiles.interlock import Interlock
from classroom_profiles.interlock_check import check
from classroom_profiles.interlock_rule import Rule, brings, opposes
from classroom_profiles.interlock_state import CauseStands, Evaluator, NotTripped, Step
from classroom_profiles.reading import Health, HealthState
from tests.classroom_profiles.interlock_rooms import DEVICES, devices, messages, offer_of, reads, rule, rules, sets

GAS = reads("gas", "gas_ppm", above=1000, for_s=2)
HOT = reads("air", "temperature_c", above=45)


def test_the_rule_of_the_issue_is_understood() -> None:
    (found,) = rules(
        rule(
            "gas",
            [
                {"role": "gas-sensor", "metric": "gas_ppm", "above": 1000, "for_s": 2},
                {"role": "gas-sensor", "metric": "gas_ppm", "silent_s": 5},
            ],
            [
                {"role": "gas-valve", "set": {"switch": False}},
                sets("fan", level=100),
                {"role": "bench-power", "set": {"switch": False}},
            ],
        )
    )
    assert [str(watch) for watch in found.watches] == ["gas.gas_ppm > 1000 for 2 s", "gas.gas_ppm silent for 5 s"]
    assert [str(order) for order in found.orders] == [
        "valve.switch=off", "fan.level=100", "bench-1.switch=off", "bench-2.switch=off",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("when", "then", "said"),
    [
        (reads("gaz", "gas_ppm", above=1), [sets("valve", switch=False)], "the room has no device 'gaz'; did you mean"),
        (
            reads("gas", "gass", above=1),
            [sets("valve", switch=False)],
            "no metric 'gass'; did you mean 'gas'?",
        ),
        (reads("valve", "level", above=1), [sets("fan", switch=True)], "'valve' has no metric 'level'"),
        (GAS, [sets("vavle", switch=False)], "the room has no device 'vavle'; did you mean 'valve'?"),
        (GAS, [sets("valve", level=0)], "'valve' cannot be told level; it has: switch"),
        (GAS, [sets("air", switch=True)], "'air' cannot be told switch; it is a sensor"),
        (GAS, [{"role": "door-lock", "set": {"switch": False}}], "no device of the role 'door-lock'; one of:"),
        (
            [{"role": "smoke-sensor", "unreachable_s": 5}],
            [sets("valve", switch=False)],
            "no device of the role",
        ),
        (GAS[:1], [sets("valve", switch=False)], "add {device: gas, metric: gas_ppm, silent_s: 10} to 'when'"),
        (
            GAS,
            [{"role": "door-lock", "set": {"switch": False}, "need": "optional"}],
            "the room has nothing of what this rule would command",
        ),
    ],
)
def test_what_the_room_does_not_have_is_said(when: list[dict[str, Any]], then: list[dict[str, Any]], said: str) -> None:
    assert any(said in message for message in messages(rule("r", when, then))), messages(rule("r", when, then))


def test_what_is_optional_is_left_out_where_it_is_not_there() -> None:
    (found,) = rules(
        rule(
            "r",
            [*GAS, {"role": "smoke-sensor", "metric": "smoke", "equals": True, "need": "optional"}],
            [
                sets("valve", switch=False),
                {"role": "bench-power", "set": {"level": 0}, "need": "optional"},
                {"role": "door-lock", "set": {"switch": False}, "need": "optional"},
            ],
        )
    )
    assert [str(order) for order in found.orders] == ["valve.switch=off"]
    assert {watch.device for watch in found.watches} == {"gas"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sets("valve", switch=False), sets("valve", switch=True)),
        (sets("fan", level=100), sets("fan", level=50)),
        (sets("fan", level=100), sets("fan", switch=False)),
        (sets("fan", level=0), sets("fan", switch=True)),
        (sets("projector", power=False), sets("projector", input="hdmi1")),
        (sets("robot", robot="idle"), sets("robot", switch__arm=True)),
        (sets("robot", robot="idle"), sets("robot", level__motor=10)),
    ],
)
def test_no_actuator_is_told_two_things(one: dict[str, Any], other: dict[str, Any]) -> None:
    for first, second in permutations((one, other)):
        (said,) = messages(rule("a", GAS, [first]), rule("b", HOT, [second]))
        assert said.startswith("b.then: contradiction:")
        assert "'a' has" in said
        (said,) = messages(rule("a", GAS, [first, second]))
        assert "this rule has" in said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (sets("valve", switch=False), sets("valve", switch=False)),
        (sets("fan", level=100), sets("fan", switch=True)),
        (sets("fan", level=0), sets("fan", switch=False)),
        (sets("robot", robot="idle"), sets("robot", switch__arm=False)),
        (sets("projector", power=True), sets("projector", input="hdmi1")),
        (sets("valve", switch=False), sets("fan", switch=True)),
    ],
)
def test_what_agrees_is_no_contradiction(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert messages(rule("a", GAS, [one]), rule("b", HOT, [other])) == []


def test_two_rules_that_trip_each_other_are_a_loop() -> None:
    a = rule("a", reads("valve", "switch", equals=False), [sets("bench-1", switch=False)])
    b = rule("b", reads("bench-1", "switch", equals=False), [sets("valve", switch=False)])
    (said,) = messages(a, b)
    assert said == (
        "a.then: loop: bench-1.switch=off trips 'b', which watches bench-1.switch = off; "
        "valve.switch=off sets off or ends 'a'"
    )


def test_two_rules_that_chase_each_other_are_a_loop() -> None:
    """One trips the other, which takes the first one's cause away."""
    a = rule("a", reads("fan", "switch", equals=False), [sets("bench-1", switch=True)])
    b = rule("b", reads("bench-1", "switch", equals=True), [sets("fan", level=100)])
    (said,) = messages(a, b)
    assert "loop: bench-1.switch=on trips 'b'" in said


def test_a_ring_through_three_rules_is_a_loop() -> None:
    a = rule("a", reads("valve", "switch", equals=False), [sets("bench-1", switch=False)])
    b = rule("b", reads("bench-1", "switch", equals=False), [sets("bench-2", switch=False)])
    c = rule("c", reads("bench-2", "switch", equals=False), [sets("valve", switch=False)])
    assert len(messages(a, b, c)) == 1
    assert messages(a, b) == []


def test_a_rule_that_keeps_itself_tripped_could_never_be_reset() -> None:
    (said,) = messages(rule("a", reads("fan", "level", above=50), [sets("fan", level=100)]))
    assert said == "a.then: loop: fan.level=100 trips 'a', which watches fan.level > 50: it could never be reset"
    (said,) = messages(rule("a", reads("robot", "switch_arm", equals=False), [sets("robot", robot="idle")]))
    assert "it could never be reset" in said


def test_rules_that_only_end_each_others_causes_are_none() -> None:
    """A bench that was on too long; and two meters' benches, each of which cuts off both."""
    assert (
        messages(rule("a", reads("bench-1", "switch", equals=True, for_s=3600), [sets("bench-1", switch=False)])) == []
    )
    both = [sets("bench-1", switch=False), sets("bench-2", switch=False)]
    assert messages(
        rule("a", reads("bench-1", "switch", equals=True, for_s=60), both),
        rule("b", reads("bench-2", "switch", equals=True, for_s=60), both),
    ) == []  # fmt: skip


def test_a_chain_without_an_end_that_meets_its_beginning_is_allowed() -> None:
    a = rule("a", GAS, [sets("valve", switch=False)])
    b = rule("b", reads("valve", "switch", equals=False), [sets("fan", level=100)])
    assert messages(a, b) == []


def test_a_rule_has_its_id_for_itself() -> None:
    one = rule("a", GAS, [sets("valve", switch=False)])
    assert messages(one, one) == ["a.id: another rule has the id 'a' already"]


# --- no rule set that loads can oscillate, or leave an actuator commanded both ways ---

_ACTUATORS: list[tuple[str, str, list[Any]]] = [
    ("valve", "switch", [True, False]), ("bench-1", "switch", [True, False]), ("bench-2", "switch", [True, False]),
    ("fan", "switch", [True, False]), ("fan", "level", [0, 40, 100]), ("robot", "robot", ["idle", "ready"]),
    ("robot", "switch.arm", [True, False]), ("projector", "power", [True, False]),
]  # fmt: skip
_STATES: list[tuple[str, str, list[Any]]] = [
    ("valve", "switch", [True, False]), ("bench-1", "switch", [True, False]), ("bench-2", "switch", [True, False]),
    ("fan", "switch", [True, False]), ("robot", "switch_arm", [True, False]), ("projector", "power", [True, False]),
]  # fmt: skip


_MEASURED: list[tuple[str, str, list[Any]]] = [("gas", "gas_ppm", [5, 95]), ("air", "temperature_c", [5, 95])]


@st.composite
def _cause(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        device, metric, values = draw(st.sampled_from(_STATES))
        return {"device": device, "metric": metric, "equals": draw(st.sampled_from(values)), "for_s": draw(_FOR)}
    device, metric = draw(st.sampled_from([("gas", "gas_ppm"), ("air", "temperature_c"), ("fan", "level")]))
    side = draw(st.sampled_from(["above", "below"]))
    return {"device": device, "metric": metric, side: draw(st.sampled_from([10, 50, 90])), "for_s": draw(_FOR)}


_FOR = st.sampled_from([0, 0, 1, 3])


@st.composite
def rule_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for number in range(draw(st.integers(1, 8))):
        when = draw(st.lists(_cause(), min_size=1, max_size=2))
        when += [{"device": str(one["device"]), "unreachable_s": 30} for one in when]
        then = {}
        for device, target, values in draw(st.lists(st.sampled_from(_ACTUATORS), min_size=1, max_size=3)):
            then[device, target] = {"device": device, "set": {target: draw(st.sampled_from(values))}}
        made.append({"id": f"r{number}", "when": when, "then": list(then.values())})
    return made


class Plant:
    """A room that does as it is told, at its own time, and says so; whatever else happens in it is chance."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.at_us = 0
        self.on_the_way: list[tuple[str, Command]] = []
        self.told: dict[tuple[str, str], list[Command]] = {}
        self.trips = 0

    def take(self, steps: list[Step]) -> None:
        for step in steps:
            if step.is_trip:
                self.trips += 1
                for order in step.rule.orders:
                    self.on_the_way.append((order.device, order.command))
                    self.told.setdefault((order.device, str(order.command.target)), []).append(order.command)

    def say(self, device: str, metric: str, value: Value) -> None:
        self.at_us += 1000
        self.take(self.evaluator.read(device, metric, value, self.at_us))

    def arrive(self) -> None:
        device, command = self.on_the_way.pop(0)
        for target, value in brings(command):
            if value is not None and target in DEVICES[device][1]:
                self.say(device, target.metric, value)

    def come_to_rest(self, most: int) -> None:
        """All commands arrive, all times pass; nothing else happens. It must end."""
        for _ in range(most):
            if self.on_the_way:
                self.arrive()
            elif self.evaluator.next_us is not None and self.evaluator.next_us < self.at_us + 20_000_000:
                self.at_us = max(self.at_us, self.evaluator.next_us)
                self.take(self.evaluator.tick(self.at_us))
            else:
                return
        raise AssertionError("it does not come to rest")


@given(rule_sets(), st.randoms(use_true_random=False))
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_rule_set_that_loads_oscillates_or_commands_both_ways(
    written: list[dict[str, Any]], chance: random.Random
) -> None:
    found: tuple[Rule, ...] = ()
    loading: list[Interlock] = []
    for one in written:  # as many of them as load together
        more, wrong = check(devices(), [*loading, rule(one["id"], one["when"], one["then"])], offer_of)
        if not wrong:
            found = more
            loading.append(rule(one["id"], one["when"], one["then"]))
    assume(found)
    event(f"{len(found)} rules")
    plant = Plant(Evaluator(found, 0))
    for device in DEVICES:
        plant.take(plant.evaluator.reach(device, Health(HealthState.ONLINE), 0))
    for _ in range(chance.randrange(10)):
        device, metric, values = chance.choice([*_STATES, *_MEASURED])
        plant.say(device, metric, chance.choice(values))
        if chance.random() < 0.5 and plant.on_the_way:
            plant.arrive()
        if chance.random() < 0.3:
            plant.come_to_rest(10_000)
            for each in found:
                with suppress(NotTripped, CauseStands):
                    plant.evaluator.reset(each.id, plant.at_us)
            plant.trips = 0
            plant.told.clear()
    plant.come_to_rest(10_000)
    assert plant.trips <= len(found), "between resets a rule trips once"
    orders = list(plant.evaluator.orders())
    assert not any(
        one.device == other.device and opposes(one.command, other.command) for one, other in combinations(orders, 2)
    )
    for commands in plant.told.values():
        assert not any(opposes(one, other) for one, other in combinations(commands, 2)), "told one way, and only one"
    states = {each.id: plant.evaluator.state(each.id) for each in found}
    for order in orders:  # nobody else can bring it elsewhere
        for value in (True, False, 0.0, 100.0, "idle", "ready", "none"):
            with suppress(WrongValue):
                command = Command.parse(str(order.command.target), value)
                forbidden = plant.evaluator.forbids(order.device, command) is not None
                assert forbidden or not opposes(order.command, command)
    plant.take(plant.evaluator.tick(plant.at_us + 1))
    assert states == {each.id: plant.evaluator.state(each.id) for each in found}
