"""Every driver, found as a gateway finds it: one without documentation, simulator or test does not pass."""

import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from firmware_bridge.driver import find, module_of, names
from firmware_bridge.driver_page import page
from tests.firmware_bridge.third_party import LAMP, install

TESTS = Path(__file__).parent / "drivers"
OURS = [name for name in names() if module_of(name).startswith("firmware_bridge.drivers.")]


def lacks(name: str) -> list[str]:
    """What is missing of the driver `name` and what comes with it."""
    kind, module = find(name), module_of(name).rpartition(".")[2]
    found = []
    if not (inspect.getdoc(sys.modules[module_of(name)]) or "").strip():
        found.append("its module has no docstring")
    shown = page(name)
    found += [f"option {option.name} has no description" for option in shown.options if not option.description]
    try:
        kind.options.model_validate(dict(kind.sample))
    except ValidationError as wrong:
        found.append(f"its sample is not valid: {wrong}")
    if importlib.util.find_spec(f"simulators.{module}") is None:
        found.append(f"there is no simulators/{module}.py")
    if not (TESTS / f"test_{module}.py").is_file():
        found.append(f"there is no tests/firmware_bridge/drivers/test_{module}.py")
    return found


@pytest.mark.parametrize("name", OURS)
def test_a_driver_has_documentation_a_simulator_and_a_test(name: str) -> None:
    assert lacks(name) == []


def test_the_drivers_of_the_first_issue_are_found() -> None:
    assert {"pjlink", "projector-serial", "mqtt-devices", "firmata", "micropython"} <= set(OURS)


def test_a_driver_that_has_none_of_it_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = LAMP.partition('"""\n\n')[2].replace(', description="how it is tied"', "").replace('{"rope": "left", ', "{")
    install(monkeypatch, tmp_path, "bare-lamp", bare.replace(', description="how often"', ""))
    missing = lacks("bare-lamp")
    assert [one.partition(":")[0] for one in missing] == [
        "its module has no docstring",
        "option knot has no description",
        "option pulls.*.times has no description",
        "its sample is not valid",
        "there is no simulators/third_party_bare_lamp.py",
        "there is no tests/firmware_bridge/drivers/test_third_party_bare_lamp.py",
    ]
