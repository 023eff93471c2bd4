"""Targets and commands, as a person or a program writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.capability import NO_PROGRAM, Capability, Command, Target, WrongValue


@pytest.mark.parametrize("text", ["switch", "switch.fan", "switch.1", "level.arm_2", "input", "camera"])
def test_a_target_is_read_as_it_is_written(text: str) -> None:
    target = Target.parse(text)
    assert str(target) == text
    assert target.metric == text.replace(".", "_")


@pytest.mark.parametrize(
    "text", ["", "sensor", "powr", "switch.", "switch.Fan", "switch.é", "switch.a.b", "level." + "x" * 33]
)
def test_what_is_no_target_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(WrongValue, match=r"one of: power|must be 1 to 32"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("power", 1), ("power", "yes"), ("switch", None), ("level", True), ("level", "40"), ("level", -1),
        ("level", 100.1), ("level", float("nan")), ("robot", "dance"), ("experiment", "ready"), ("input", ""),
        ("input", "x" * 65), ("input", 31), ("program", []),
    ],
)  # fmt: skip
def test_a_value_that_does_not_suit_is_refused(target: str, value: object) -> None:
    with pytest.raises(WrongValue):
        Command.parse(target, value)


def test_that_no_program_runs_is_a_state_like_the_name_of_one() -> None:
    assert Command.parse("program", NO_PROGRAM).holds("none")
    assert not Command.parse("program", "line-follower").holds(NO_PROGRAM)


@pytest.mark.parametrize(("value", "read"), [(1, 1.0), (-0.5, -0.5), ("caesium", "caesium")])
def test_an_experiments_parameter_is_a_number_or_a_word(value: object, read: object) -> None:
    command = Command.parse("experiment.length_m", value)
    assert (command.target.metric, command.value) == ("experiment_length_m", read)
    assert type(command.value) is type(read)


@pytest.mark.parametrize("value", [True, None, "", float("inf"), float("nan"), "x" * 65])
def test_what_no_parameter_can_be_is_refused(value: object) -> None:
    with pytest.raises(WrongValue, match="a number, or one of"):
        Command.parse("experiment.length_m", value)


_TARGETS = st.sampled_from([str(one) for one in Capability] + ["switch.fan", "experiment.k"]) | st.text(max_size=12)


@given(target=_TARGETS, value=st.none() | st.booleans() | st.floats() | st.text(max_size=8))
def test_any_words_are_a_command_or_refused(target: str, value: object) -> None:
    try:
        command = Command.parse(target, value)
    except WrongValue:
        return
    assert Command.parse(str(command.target), command.value) == command
