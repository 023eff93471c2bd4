"""`lophoc room` and `lophoc driver` as a technician and a script use them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from classroom_profiles.documents import load_room, sample_rooms
from firmware_bridge.cli import driver, room
from tests.firmware_bridge.third_party import LAMP, install

ROOM = """\
school: thcs-nguyen-du
room: a101
name: {vi: Phòng A101, en: Room A101}
devices:
  - id: lamp
    role: lights
    driver: rope-lamp
    options: {rope: left, knot: bowline, pulls: {on: {times: 2}}}
"""


def _room(*words: str) -> Result:
    return CliRunner().invoke(room, list(words))


def _driver(*words: str) -> Result:
    return CliRunner().invoke(driver, list(words))


def _json(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somewhere with a third party's driver `rope-lamp` installed."""
    install(monkeypatch, tmp_path, "rope-lamp", LAMP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_right_room_is_said_to_be_right(directory: Path) -> None:
    (directory / "room.yaml").write_text(ROOM, encoding="utf-8")
    result = _room("check", "room.yaml")
    assert (result.exit_code, result.stdout) == (
        0, "room.yaml: ✓ thcs-nguyen-du/a101 (Phòng A101 / Room A101), 1 thiết bị / devices\n",
    )  # fmt: skip
    assert _json(_room("check", "room.yaml", "--json"))["ok"] is True


def test_options_are_held_against_the_driver(directory: Path) -> None:
    spoilt = ROOM.replace("rope: left", "rop: left").replace("bowline", "bow").replace("times: 2", "times: 20")
    (directory / "room.yaml").write_text(spoilt, encoding="utf-8")
    result = _room("check", "room.yaml")
    assert result.exit_code == 1
    known = "one of: rope, knot, length_m, password, pulls"
    assert result.stdout.splitlines() == [
        f"room.yaml:8:15: devices[0].options.rop: unknown field 'rop'; did you mean 'rope'? {known}",
        "room.yaml:8:32: devices[0].options.knot: unknown knot 'bow'; did you mean 'bowline'? one of: reef, bowline",
        "room.yaml:8:57: devices[0].options.pulls.on.times: must be at most 9, not 20",
        "✗ 3 lỗi / problems",
    ]
    assert [p["line"] for p in _json(_room("check", "room.yaml", "--json"))["problems"]] == [8, 8, 8]


def test_what_a_text_must_be_like_is_said_in_words(tmp_path: Path) -> None:
    """A technician reads no regular expressions."""
    spoilt = """\
school: thcs-nguyen-du
room: a101
name: {vi: Phòng A101, en: Room A101}
devices:
  - {id: projector, role: projector, driver: pjlink, options: {host: "tv; reboot"}}
  - {id: lamp, role: lights, driver: mqtt-devices, options: {dialect: tasmota, topic: a101/#}}
"""
    (tmp_path / "room.yaml").write_text(spoilt, encoding="utf-8")
    result = _room("check", str(tmp_path / "room.yaml"))
    assert result.stdout.splitlines()[:-1] == [
        f"{tmp_path}/room.yaml:5:70: devices[0].options.host: must be the projector's address or name,"
        " such as 192.168.10.21, not 'tv; reboot'",
        f"{tmp_path}/room.yaml:6:87: devices[1].options.topic: must be an MQTT topic without '+' and '#', not 'a101/#'",
    ]


def test_an_unknown_driver_is_guessed(directory: Path) -> None:
    (directory / "room.yaml").write_text(ROOM.replace("rope-lamp", "ropelamp"), encoding="utf-8")
    result = _room("check", "room.yaml")
    assert result.exit_code == 1
    assert "room.yaml:7:13: devices[0].driver: unknown driver 'ropelamp'; did you mean 'rope-lamp'?" in result.stdout


def test_a_driver_whose_package_is_absent_says_so(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir()
    install(monkeypatch, elsewhere, "needy", LAMP.replace("from enum", "import no_such_package\nfrom enum"))
    (directory / "room.yaml").write_text(ROOM.replace("rope-lamp", "needy"), encoding="utf-8")
    why = "driver 'needy' needs the Python package no_such_package, which is not installed here"
    assert f"room.yaml:7:13: devices[0].driver: {why}" in _room("check", "room.yaml").stdout
    assert {"name": "needy", "installed": False}.items() <= _of("needy", _json(_driver("list", "--json"))).items()
    shown = _driver("show", "needy")
    assert (shown.exit_code, why in shown.stderr) == (1, True)


def _of(name: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in listed if one["name"] == name)


def test_a_trigger_may_start_a_profile_of_the_school(directory: Path) -> None:
    trigger = "triggers: [{when: {device: lamp, metric: switch, equals: true}, then: {profile: reading}}]\n"
    (directory / "room.yaml").write_text(ROOM + trigger, encoding="utf-8")
    assert "unknown profile 'reading'" in _room("check", "room.yaml").stdout
    own = directory / "profiles"
    own.mkdir()
    written = (
        "{id: reading, name: {vi: Đ, en: R}, description: {vi: Đ, en: R}, steps: [{role: lights, set: {level: 60}}]}"
    )
    (own / "reading.yaml").write_text(written, encoding="utf-8")
    assert _room("check", "room.yaml", "--profiles", "profiles").exit_code == 0
    (own / "reading.yaml").write_text("id: reading\n", encoding="utf-8")
    assert "profiles/reading.yaml:1:1: steps: missing" in _room("check", "room.yaml", "--profiles", "profiles").stdout


@pytest.mark.parametrize("words", [["check"], ["check", "nowhere.yaml"], ["sample", "stem"], ["wish"]])
def test_wrong_use_is_exit_code_2(words: list[str]) -> None:
    assert _room(*words).exit_code == 2


@pytest.mark.parametrize("name", sample_rooms())
def test_every_sample_room_is_right_for_the_drivers_that_there_are(name: str) -> None:
    result = _room("check", name)
    assert (result.exit_code, result.stdout.count("✓")) == (0, 1), result.stdout


def test_a_sample_is_printed_as_it_is_written(tmp_path: Path) -> None:
    assert _room("sample").stdout.split() == list(sample_rooms())
    (tmp_path / "mine.yaml").write_text(_room("sample", "stem-a101").stdout, encoding="utf-8")
    assert load_room(tmp_path / "mine.yaml").room == "a101"


def test_a_third_partys_driver_is_in_the_list(directory: Path) -> None:
    told = _of("rope-lamp", _json(_driver("list", "--json")))
    assert told == {"name": "rope-lamp", "title": "A lamp on a rope.", "installed": True}
    assert "rope-lamp            A lamp on a rope." in _driver("list").stdout


def test_a_drivers_page_is_its_code(directory: Path) -> None:
    shown = _driver("show", "rope-lamp").stdout
    assert "A lamp on a rope.\n\nPulled once, it is on." in shown
    options = {line.split()[0]: line for line in shown.splitlines() if line.startswith("  ") and line.strip()}
    assert "text, bắt buộc / required" in options["rope"]
    assert "reef | bowline, mặc định / default reef" in options["knot"]
    assert "number over 0, mặc định / default 2.0" in options["length_m"]
    assert {"password", "password.file", "password.env", "pulls", "pulls.*.times"} <= set(options)
    sample = yaml.safe_load(shown.partition("below id and role):\n")[2])
    assert sample == {"driver": "rope-lamp", "options": {"rope": "left", "pulls": {"on": {"times": 1}}}}


def test_a_script_gets_the_same_page(directory: Path) -> None:
    told = _json(_driver("show", "rope-lamp", "--json"))
    assert told["sample"]["rope"] == "left"
    assert _of("pulls.*.times", told["options"]) == {
        "name": "pulls.*.times", "type": "whole number from 1 to 9", "required": False, "default": 1,
        "description": "how often",
    }  # fmt: skip


def test_a_driver_that_there_is_not_is_guessed(directory: Path) -> None:
    result = _driver("show", "rope-lampe")
    assert (result.exit_code, "did you mean 'rope-lamp'?" in result.stderr) == (2, True)
