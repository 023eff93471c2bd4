"""Plans: the same answer for the same question, no step that is not needed, and a way back."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles.capability import LEVEL_TOLERANCE, Command, Target, Value
from classroom_profiles.plan import Missing, Plan, plan
from classroom_profiles.profile import Need, Profile
from classroom_profiles.reading import Health, HealthState
from classroom_profiles.role import Role
from classroom_profiles.room import Room
from classroom_profiles.state import Control, DeviceState, RoomState

ONLINE = Health(HealthState.ONLINE)
_NAME = {"vi": "Tên", "en": "Name"}


def _room(*devices: tuple[str, Role]) -> Room:
    written = [{"id": name, "role": role, "driver": "d"} for name, role in devices]
    return Room.model_validate({"school": "s", "room": "r", "name": _NAME, "devices": written})


def _profile(*steps: Mapping[str, object]) -> Profile:
    return Profile.model_validate({"id": "p", "name": _NAME, "description": _NAME, "steps": list(steps)})


def _state(**values: dict[str, Value]) -> RoomState:
    return RoomState({device.replace("_", "-"): DeviceState(ONLINE, found) for device, found in values.items()})


LIGHTS = _room(("lights", Role.LIGHTS))
DIM = {"role": "lights", "set": {"level": 40}}


def test_a_step_that_is_true_already_is_verified_and_not_sent() -> None:
    (step,) = plan(_profile(DIM), LIGHTS, _state(lights={"level": 40.4})).steps
    assert step.already
    assert step.undo is None


def test_a_step_that_is_not_true_is_sent_and_remembers_the_way_back() -> None:
    (step,) = plan(_profile(DIM), LIGHTS, _state(lights={"level": 80})).steps
    assert not step.already
    assert step.undo == Command(Target.parse("level"), 80.0)


def test_the_state_of_an_unreachable_device_is_no_target_of_an_undo() -> None:
    lost = RoomState({"lights": DeviceState(Health(HealthState.UNREACHABLE), {"level": 80.0})})
    again = {"role": "lights", "set": {"level": 10}}
    first, second = plan(_profile(DIM, again), LIGHTS, lost).steps
    assert not first.already
    assert first.undo is None
    assert second.undo is None


def test_a_state_that_cannot_be_told_is_no_target_of_an_undo() -> None:
    room = _room(("tv", Role.DISPLAY))
    (step,) = plan(_profile({"role": "display", "set": {"input": "hdmi1"}}), room, _state(tv={"input": ""})).steps
    assert step.undo is None


def test_small_steps_do_not_add_up_to_a_wrong_already() -> None:
    nearly = {"role": "lights", "set": {"level": 41}}
    first, second = plan(_profile(DIM, nearly), LIGHTS, _state(lights={"level": 39.5})).steps
    assert (first.already, second.already) == (True, False)


def test_order_is_kept_round_a_step_that_nobody_takes() -> None:
    room = _room(("gas", Role.GAS_VALVE), ("bench", Role.BENCH_POWER))
    chain = _profile(
        {"id": "gas", "role": "gas-valve", "set": {"switch": False}},
        {"id": "air", "role": "ventilation", "set": {"switch": True}, "after": ["gas"]},
        {"role": "bench-power", "set": {"switch": True}, "after": ["air"]},
    )
    assert plan(chain, room, RoomState()).step("bench.switch").after == ("gas.switch",)


def test_a_missing_optional_role_is_skipped_aloud_and_a_missing_required_one_blocks() -> None:
    optional = {"role": "blinds", "set": {"level": 30}}
    required = {"role": "projector", "set": {"power": True}, "need": "required"}
    made = plan(_profile(optional, required, DIM), LIGHTS, RoomState())
    assert [(gap.role, gap.why) for gap in made.skipped] == [(Role.BLINDS, Missing.NO_DEVICE)]
    assert [(gap.role, gap.why) for gap in made.blocked] == [(Role.PROJECTOR, Missing.NO_DEVICE)]


def test_one_device_of_several_that_cannot_is_no_reason_to_stop() -> None:
    room = _room(("lamp-1", Role.LIGHTS), ("lamp-2", Role.LIGHTS))
    state = RoomState(
        {
            "lamp-1": DeviceState(ONLINE, {}, (Control(Target.parse("level")),)),
            "lamp-2": DeviceState(ONLINE, {}, (Control(Target.parse("switch")),)),
        }
    )
    made = plan(_profile({**DIM, "need": "required"}), room, state)
    assert [step.device for step in made.steps] == ["lamp-1"]
    assert [(gap.device, gap.why) for gap in made.skipped] == [("lamp-2", Missing.CANNOT)]
    assert not made.blocked


def test_a_device_left_out_on_purpose_does_not_block() -> None:
    made = plan(_profile({**DIM, "need": "required"}), LIGHTS, RoomState(), without=["lights"])
    assert not made.steps
    assert not made.blocked
    assert [gap.why for gap in made.skipped] == [Missing.LEFT_OUT]


_TARGETS: dict[str, st.SearchStrategy[Value]] = {
    "switch": st.booleans(),
    "switch.fan": st.booleans(),
    "level": st.sampled_from([0.0, 39.5, 40.0, 40.9, 41.6, 100.0]),
    "input": st.sampled_from(["hdmi1", "hdmi2"]),
    "robot": st.sampled_from(["idle", "ready"]),
}
_ROLES = [Role.LIGHTS, Role.PROJECTOR, Role.ROBOT_KIT, Role.SOCKETS]


@st.composite
def _questions(draw: st.DrawFn) -> tuple[Profile, Room, RoomState, frozenset[str]]:
    steps: list[dict[str, object]] = []
    for number in range(draw(st.integers(1, 8))):
        target = draw(st.sampled_from(sorted(_TARGETS)))
        above = [f"s{earlier}" for earlier in range(number)]
        steps.append(
            {
                "id": f"s{number}",
                "role": draw(st.sampled_from(_ROLES)),
                "set": {target: draw(_TARGETS[target])},
                "need": draw(st.sampled_from(Need)),
                "after": draw(st.lists(st.sampled_from(above), max_size=2)) if above else [],
            }
        )
    ids = [f"d{number}" for number in range(draw(st.integers(1, 5)))]
    room = _room(*((name, draw(st.sampled_from(_ROLES))) for name in ids))
    state = RoomState({name: draw(_device_states()) for name in ids if draw(st.booleans())})
    return _profile(*steps), room, state, frozenset(draw(st.lists(st.sampled_from(ids), max_size=1)))


@st.composite
def _device_states(draw: st.DrawFn) -> DeviceState:
    known = draw(st.lists(st.sampled_from(sorted(_TARGETS)), unique=True))
    values = {Target.parse(target).metric: draw(_TARGETS[target]) for target in known}
    some = draw(st.lists(st.sampled_from(sorted(_TARGETS)), unique=True))
    controls = tuple(Control(Target.parse(target)) for target in some)
    return DeviceState(Health(draw(st.sampled_from(HealthState))), values, draw(st.sampled_from([None, controls])))


def _known(state: DeviceState) -> bool:
    return state.health.state not in (HealthState.UNREACHABLE, HealthState.FAULT)


@settings(max_examples=200)
@given(_questions())
def test_the_same_question_has_the_same_answer(question: tuple[Profile, Room, RoomState, frozenset[str]]) -> None:
    profile, room, state, without = question
    again = RoomState({name: replace(one) for name, one in reversed(list(state.devices.items()))})
    assert plan(profile, room, state, without) == plan(profile, room, again, sorted(without))


@settings(max_examples=200)
@given(_questions())
def test_after_names_only_earlier_steps_and_a_device_keeps_its_order(
    question: tuple[Profile, Room, RoomState, frozenset[str]],
) -> None:
    made = plan(*question)
    seen: list[str] = []
    last: dict[str, str] = {}
    for step in made.steps:
        assert set(step.after) <= set(seen)
        assert len(set(step.after)) == len(step.after)
        assert step.id not in seen
        assert step.device not in last or last[step.device] in step.after
        assert made.step(step.id) is step
        seen.append(step.id)
        last[step.device] = step.id


@settings(max_examples=200)
@given(_questions())
def test_every_device_of_every_step_is_planned_or_said_to_be_missing(
    question: tuple[Profile, Room, RoomState, frozenset[str]],
) -> None:
    profile, room, state, without = question
    made = plan(profile, room, state, without)
    asked = sum(max(1, len(room.having(step.role))) for step in profile.steps)
    assert len(made.steps) + len(made.skipped) + len(made.blocked) == asked
    assert not {step.device for step in made.steps} & without
    assert all(gap.need is Need.REQUIRED for gap in made.blocked)


@settings(max_examples=300)
@given(_questions())
def test_done_in_order_it_brings_about_what_the_profile_says_and_sends_nothing_needless(
    question: tuple[Profile, Room, RoomState, frozenset[str]],
) -> None:
    _, _, state, _ = question
    now: dict[tuple[str, str], Value] = {}
    for step in plan(*question).steps:
        of_device = state.of(step.device)
        key = (step.device, step.command.target.metric)
        found = now.get(key, of_device.values.get(key[1]) if _known(of_device) else None)
        assert step.already == step.command.holds(found)
        now[key] = found if step.already and found is not None else step.command.value
        assert step.command.holds(now[key])


@settings(max_examples=300)
@given(_questions())
def test_undone_in_reverse_everything_that_was_known_is_as_before(
    question: tuple[Profile, Room, RoomState, frozenset[str]],
) -> None:
    _, _, state, _ = question
    made = plan(*question)
    now = _done(made, state)
    for step in reversed(made.steps):
        if step.undo is not None:
            assert _known(state.of(step.device))
            now[step.device, step.undo.target.metric] = step.undo.value
    for step in made.steps:
        before = state.of(step.device).values.get(step.command.target.metric)
        if before is not None and _known(state.of(step.device)):
            assert now.get((step.device, step.command.target.metric), before) == before


def _done(made: Plan, state: RoomState) -> dict[tuple[str, str], Value]:
    sent = (step for step in made.steps if not step.already)
    return {(step.device, step.command.target.metric): step.command.value for step in sent}


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_level_holds_within_its_tolerance_and_a_flag_is_no_level(wanted: float, found: float) -> None:
    command = Command.parse("level", wanted)
    assert command.holds(found) == (abs(command_value(command) - found) <= LEVEL_TOLERANCE)
    assert not command.holds(True)
    assert not command.holds(float("nan"))
    assert not command.holds(None)


def command_value(command: Command) -> float:
    assert isinstance(command.value, float)
    return command.value
