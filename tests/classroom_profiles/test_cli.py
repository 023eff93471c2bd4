"""`lophoc profile` as a person and a script use it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from classroom_profiles.cli import profile
from classroom_profiles.documents import SHOWN_ORDER

GOOD = """\
id: quiet-reading
name: {vi: Đọc sách, en: Quiet reading}
description: {vi: Đèn dịu., en: Soft light.}
steps:
  - {role: lights, set: {level: 60}}
"""


def _run(*words: str) -> Result:
    return CliRunner().invoke(profile, list(words))


def _json(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("lights", "lihgts").replace("60", "600"), encoding="utf-8")
    return path


def test_a_right_profile_is_said_to_be_right(good: Path) -> None:
    result = _run("check", str(good))
    assert (result.exit_code, result.stdout) == (
        0, f"{good}: ✓ quiet-reading (Đọc sách / Quiet reading), 1 bước / steps\n",
    )  # fmt: skip


def test_all_that_is_wrong_is_said_of_all_files(good: Path, bad: Path) -> None:
    result = _run("check", str(bad), str(good))
    assert result.exit_code == 1
    assert f"{good}: ✓" in result.stdout
    assert (
        f"{bad}:5:12: steps[0].role: unknown role 'lihgts'; did you mean 'lights'? one of: projector" in result.stdout
    )
    assert f"{bad}:5:25: steps[0].set: level is a number from 0 to 100 (%), not 600" in result.stdout
    assert result.stdout.endswith("✗ 2 lỗi / problems\n")


def test_a_script_is_told_the_same(good: Path, bad: Path) -> None:
    result = _run("check", "--json", str(good), str(bad))
    told = _json(result)
    assert result.exit_code == 1
    assert told["ok"] is False
    assert told["profiles"][0]["id"] == "quiet-reading"
    assert [(p["line"], p["column"], p["field"]) for p in told["problems"]] == [
        (5, 12, "steps[0].role"), (5, 25, "steps[0].set"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "there-is-no-such-file.yaml"],
        ["plan", "lecture"],
        ["plan", "lectur", "stem-a101"],
        ["plan", "lecture", "stem-a110"],
        ["plan", "lecture", "stem-a101", "--without", "projektor"],
        ["schema", "school"],
        ["wish"],
    ],
)
def test_wrong_use_is_exit_code_2(words: list[str]) -> None:
    assert _run(*words).exit_code == 2


def test_a_name_that_is_nearly_right_is_guessed() -> None:
    assert "did you mean 'lecture'?" in _run("plan", "lectur", "stem-a101").stderr
    assert "did you mean 'stem-a101'?" in _run("plan", "lecture", "stem-a110").stderr


def test_a_plan_says_each_step_with_what_it_waits_for() -> None:
    result = _run("plan", "stem-robotics", "stem-a101")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "STEM Robotics / STEM robotics  →  Phòng STEM A101 / STEM room A101 (thcs-nguyen-du/a101)"
    assert lines[2].split() == ["1", "projector", "Máy", "chiếu", "power", "→", "on", "≤", "180", "s",
                                "bắt", "buộc", "/", "required"]  # fmt: skip
    assert "sau / after 1" in lines[3]
    assert len(lines) == 2 + 11


def test_a_plan_says_aloud_what_the_room_does_not_have(good: Path) -> None:
    result = _run("plan", "exam", "classroom-c105")
    assert "Bỏ qua / skipped:" in result.stdout
    assert "screen (Màn chiếu / Projection screen) switch → off: phòng không có / the room has none" in result.stdout


def test_a_plan_that_cannot_be_held_says_why_and_is_exit_code_1(tmp_path: Path) -> None:
    room = tmp_path / "room.yaml"
    room.write_text(
        "{school: s, room: r, name: {vi: P, en: R}, devices: [{id: lights, role: lights, driver: d}]}",
        encoding="utf-8",
    )
    result = _run("plan", "lecture", str(room))
    assert result.exit_code == 1
    assert "✗ Chưa thể bắt đầu / cannot start:\n     projector (Máy chiếu / Projector) power → on" in result.stdout
    told = _run("plan", "lecture", str(room), "--json")
    assert told.exit_code == 1
    assert [(gap["role"], gap["target"], gap["why"]) for gap in _json(told)["blocked"]] == [
        ("projector", "power", "no-device"), ("projector", "input", "no-device"),
    ]  # fmt: skip


def test_a_plan_for_a_script_has_every_step(good: Path) -> None:
    told = _json(_run("plan", str(good), "stem-a101", "--json"))
    assert told == {
        "profile": "quiet-reading", "version": 1, "school": "thcs-nguyen-du", "room": "a101",
        "steps": [{"id": "lights.level", "device": "lights", "role": "lights", "target": "level", "value": 60.0,
                   "need": "optional", "after": [], "timeout_s": 20.0, "retries": 1}],
        "skipped": [], "blocked": [],
    }  # fmt: skip


def test_a_device_can_be_left_out_of_a_plan() -> None:
    told = _json(_run("plan", "lecture", "stem-a101", "--without", "projector", "--json"))
    assert "projector" not in {step["device"] for step in told["steps"]}
    assert {gap["why"] for gap in told["skipped"] if gap["device"] == "projector"} == {"left-out"}
    assert told["blocked"] == []


def test_planning_with_a_bad_file_says_what_is_wrong_with_it(bad: Path) -> None:
    result = _run("plan", str(bad), "stem-a101")
    assert result.exit_code == 1
    assert "unknown role 'lihgts'" in result.stdout


def test_the_list_is_in_the_order_of_the_panel_in_both_languages() -> None:
    assert [one["id"] for one in _json(_run("list", "--json"))] == list(SHOWN_ORDER)
    assert "end-of-day       Tan học / End of day" in _run("list").stdout


def test_the_schema_is_json() -> None:
    assert _json(_run("schema"))["title"] == "lophoc profile"
    assert _json(_run("schema", "room"))["title"] == "lophoc room"


def test_the_installed_command_has_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lophoc", "profile", "plan", "break", "stem-a101", "--json"],
        capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["profile"] == "break"
