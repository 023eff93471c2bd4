"""What hangs on a pin: what may be written in a room's file, and what a pin's states mean."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_bridge.firmata_pins import Part, PinKind, PinOptions


def part(kind: str, bits: int = 1, **options: Any) -> Part:
    return Part("it", PinOptions.model_validate({"pin": 3, "kind": kind, **options}), 3, bits)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "motor"}, "'output', 'pwm', 'servo', 'input', 'analog' or 'sonar'"),
        ({"kind": "pwm", "pin": "B1"}, "pattern"),
        ({"kind": "pwm", "pin": 128}, "less than or equal to 127"),
        ({"kind": "pwm", "active": "low"}, "'active': not for kind 'pwm'"),
        ({"kind": "input", "unit": "V", "range": [0, 5]}, "'range', 'unit': not for kind 'input'"),
        ({"kind": "sonar"}, "a sonar needs 'echo'"),
        ({"kind": "analog", "range": [5, 5]}, "the two ends of 'range' are the same"),
        ({"kind": "servo", "degrees": [90, 90]}, "the two ends of 'degrees' are the same"),
        ({"kind": "servo", "pulse_us": [2400, 544]}, "'pulse_us' does not rise"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PinOptions.model_validate({"pin": 3, **options})


@pytest.mark.parametrize(
    ("one", "value", "state"),
    [
        (part("output"), True, 1),
        (part("output", active="low"), True, 0),
        (part("output", active="low"), False, 1),
        (part("pwm", 8), 100.0, 255),
        (part("pwm", 8), 50.0, 128),
        (part("pwm", 10), 100.0, 1023),
        (part("servo", 14), 50.0, 90),
        (part("servo", 14, degrees=(160, 20)), 0.0, 160),
        (part("servo", 14, degrees=(160, 20)), 100.0, 20),
    ],
)
def test_a_value_is_one_state_of_the_pin_and_back(one: Part, value: Any, state: int) -> None:
    assert one.state(value) == state
    assert one.value(state) == pytest.approx(value, abs=0.5)


@pytest.mark.parametrize(
    ("one", "raw", "value"),
    [
        (part("analog", 10), 1023, 100.0),
        (part("analog", 10, range=(0, 5), unit="V"), 512, 2.502),
        (part("analog", 12, range=(-40, 125)), 0, -40.0),
        (part("analog", 10, range=(0, 1000)), 512, 500.5),
        (part("analog", 10), 1024, None),
    ],
)
def test_an_analog_input_is_measured_in_its_unit_and_to_its_resolution(one: Part, raw: int, value: Any) -> None:
    assert one.measured(raw) == value


def test_a_small_change_is_not_worth_a_reading() -> None:
    assert part("analog", 10).is_news(None, 50.0)
    assert not part("analog", 10).is_news(50.0, 50.4)
    assert part("analog", 10).is_news(50.0, 50.5)
    assert part("analog", 10, change=0).is_news(50.0, 50.1)
    assert not part("analog", 10, change=0).is_news(50.0, 50.0)


def test_only_what_is_driven_has_a_target_and_only_what_turns_has_a_rest() -> None:
    found = {kind: part(kind, **({"echo": 4} if kind == "sonar" else {})) for kind in PinKind}
    assert {kind: one.options.metric("it") for kind, one in found.items()} == {
        "output": "switch_it", "pwm": "level_it", "servo": "level_it", "input": "it", "analog": "it", "sonar": "it",
    }  # fmt: skip
    assert {kind for kind, one in found.items() if one.rest is not None} == {"output", "pwm"}


@given(st.floats(0, 100), st.sampled_from([part("pwm", 8), part("servo", 14), part("servo", 14, degrees=(150, 30))]))
def test_a_level_comes_back_within_the_step_of_its_pin(value: float, one: Part) -> None:
    state = one.state(value)
    assert 0 <= state <= 255
    assert abs(float(one.value(state)) - value) <= 0.5
