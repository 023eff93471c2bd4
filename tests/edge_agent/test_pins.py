"""PINs: kept so that nobody can read them back, and taken only if they are good ones."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.cli import pin as pin_command
from edge_agent.pins import FILE, Pins, WrongPins, set_pin
from edge_agent.rank import Rank


def test_no_pin_is_anyones_while_none_is_set(tmp_path: Path) -> None:
    pins = Pins(tmp_path / FILE, {})
    assert not pins.any_set()
    assert pins.rank("2468") is None
    assert pins.rank("") is None


def test_pins_of_the_environment_are_taken(tmp_path: Path) -> None:
    pins = Pins(tmp_path / FILE, {"LOPHOC_TEACHER_PIN": "2468", "LOPHOC_TECHNICIAN_PIN": "135791"})
    assert pins.any_set()
    assert pins.rank("2468") is Rank.TEACHER
    assert pins.rank("135791") is Rank.TECHNICIAN
    assert pins.rank("13579") is None


def test_pins_that_were_set_are_taken_at_once_and_others_are_not(tmp_path: Path) -> None:
    pins = Pins(tmp_path / FILE, {})
    set_pin(tmp_path / FILE, Rank.TEACHER, "2468")
    assert pins.any_set()
    assert pins.rank("2468") is Rank.TEACHER
    assert pins.rank("2469") is None
    set_pin(tmp_path / FILE, Rank.TECHNICIAN, "135791")
    set_pin(tmp_path / FILE, Rank.TEACHER, "1111")
    assert pins.rank("2468") is None
    assert pins.rank("1111") is Rank.TEACHER
    assert pins.rank("135791") is Rank.TECHNICIAN


def test_a_pin_in_the_environment_goes_before_the_one_in_the_file(tmp_path: Path) -> None:
    set_pin(tmp_path / FILE, Rank.TEACHER, "1111")
    set_pin(tmp_path / FILE, Rank.TECHNICIAN, "222222")
    pins = Pins(tmp_path / FILE, {"LOPHOC_TEACHER_PIN": "2468"})
    assert pins.rank("2468") is Rank.TEACHER
    assert pins.rank("1111") is None
    assert pins.rank("222222") is Rank.TECHNICIAN


def test_a_changed_pin_is_another_edition(tmp_path: Path) -> None:
    set_pin(tmp_path / FILE, Rank.TEACHER, "2468")
    pins = Pins(tmp_path / FILE, {})
    before = pins.edition(Rank.TEACHER)
    set_pin(tmp_path / FILE, Rank.TECHNICIAN, "135791")
    assert pins.edition(Rank.TEACHER) == before
    set_pin(tmp_path / FILE, Rank.TEACHER, "2468")
    assert pins.edition(Rank.TEACHER) != before


def test_the_file_is_ours_alone_has_no_pin_in_it_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    set_pin(tmp_path / FILE, Rank.TEACHER, "24681357")
    set_pin(tmp_path / FILE, Rank.TECHNICIAN, "97531864")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    written = (tmp_path / FILE).read_text()
    assert "24681357" not in written
    assert "97531864" not in written
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    kept = json.loads(written)
    assert kept["teacher"]["salt"] != kept["technician"]["salt"]


@pytest.mark.parametrize("wrong", ["", "123", "1234567890123", "12 34", "12a4", "１２３４", "-1234", "٣٤٥٦", "1234\n"])
def test_a_pin_that_has_not_4_to_12_digits_is_none(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(WrongPins, match="4 to 12 digits"):
        set_pin(tmp_path / FILE, Rank.TEACHER, wrong)
    assert not (tmp_path / FILE).exists()
    if wrong:
        with pytest.raises(WrongPins, match="LOPHOC_TEACHER_PIN"):
            Pins(tmp_path / FILE, {"LOPHOC_TEACHER_PIN": wrong})


def test_teacher_and_technician_must_differ(tmp_path: Path) -> None:
    set_pin(tmp_path / FILE, Rank.TEACHER, "2468")
    with pytest.raises(WrongPins, match="differ"):
        set_pin(tmp_path / FILE, Rank.TECHNICIAN, "2468")
    with pytest.raises(WrongPins, match="differ"):
        Pins(tmp_path / FILE, {"LOPHOC_TEACHER_PIN": "2468", "LOPHOC_TECHNICIAN_PIN": "2468"})


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"teacher": 1}', '{"teacher": {"salt": "zz", "scrypt": ""}}', '{"pupil": {}}']
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(WrongPins, match=r"pins\.json cannot be read"):
        Pins(tmp_path / FILE, {})


@given(content=st.binary(max_size=200))
@settings(max_examples=50)
def test_no_file_is_worse_than_unreadable(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("pins") / FILE
    file.write_bytes(content)
    try:
        pins = Pins(file, {})
    except WrongPins:
        return
    assert not pins.any_set()


def test_the_command_sets_a_pin_from_standard_input_without_showing_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = CliRunner().invoke(pin_command, ["set", "--data", str(data), "--from-stdin", "teacher"], input="24682468\n")
    assert done.exit_code == 0
    assert "24682468" not in done.output
    assert Pins(data / FILE, {}).rank("24682468") is Rank.TEACHER


def test_the_command_asks_twice_and_shows_nothing(tmp_path: Path) -> None:
    asked = CliRunner().invoke(
        pin_command, ["set", "--data", str(tmp_path), "technician"], input="13579135\n13579135\n"
    )
    assert asked.exit_code == 0
    assert "13579135" not in asked.output
    assert Pins(tmp_path / FILE, {}).rank("13579135") is Rank.TECHNICIAN


@pytest.mark.parametrize(
    ("arguments", "written"), [(["--from-stdin", "teacher"], "12\n"), (["--from-stdin", "pupil"], "2468\n")]
)
def test_the_command_exits_with_2_for_a_wrong_use(tmp_path: Path, arguments: list[str], written: str) -> None:
    done = CliRunner().invoke(pin_command, ["set", "--data", str(tmp_path), *arguments], input=written)
    assert done.exit_code == 2
    assert not (tmp_path / FILE).exists()
