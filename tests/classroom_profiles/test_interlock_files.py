"""Interlocks in files: built-in sets and files beside the room's."""

from pathlib import Path

import pytest

from classroom_profiles.documents import DocumentError, check_room, load_room, sample_rooms
from classroom_profiles.interlock_check import rules_of
from classroom_profiles.interlock_files import builtin_sets, load_set

LAB = """\
school: s
room: r
name: {vi: Phòng, en: Room}
devices:
  - {id: gas, role: gas-sensor, driver: d}
  - {id: air, role: air-sensor, driver: d}
  - {id: smoke, role: smoke-sensor, driver: d}
  - {id: meter, role: power-meter, driver: d}
  - {id: door, role: door-sensor, driver: d}
  - {id: stop, role: emergency-stop, driver: d}
  - {id: valve, role: gas-valve, driver: d}
  - {id: fan, role: ventilation, driver: d}
  - {id: bench, role: bench-power, driver: d}
  - {id: lock, role: door-lock, driver: d}
  - {id: printer, role: printer-3d, driver: d}
"""
SETS = ["door-open", "emergency-stop", "fire", "gas", "gas-detector", "over-current", "over-temperature"]


def test_the_built_in_sets_are_those_of_the_issue_and_agree_with_each_other(tmp_path: Path) -> None:
    assert sorted(builtin_sets()) == SETS
    path = tmp_path / "room.yaml"
    path.write_text(f"{LAB}interlock_sets: [{', '.join(SETS)}]\n", encoding="utf-8")
    room = load_room(path)
    assert sorted(rule.id for rule in rules_of(room)) == SETS
    assert load_room(path).model_copy(update={"interlock_sets": ()}) == room


@pytest.mark.parametrize("name", SETS)
def test_a_built_in_set_has_its_files_name_and_two_languages(name: str) -> None:
    found = load_set(builtin_sets()[name])
    assert found.id == name
    for rule in found.interlocks:
        assert rule.name.vi != rule.name.en
        assert rule.advice.vi != rule.advice.en


def test_what_gets_hot_or_moves_is_stopped_by_every_set_that_stops_experiments() -> None:
    """A 3D printer is both, and goes on by itself for hours."""
    for name in SETS:
        told = {(str(one.role), str(one.set.command.target)) for rule in load_set(builtin_sets()[name]).interlocks
                for one in rule.then}  # fmt: skip
        assert (("printer-3d", "program") in told) is (("experiment", "experiment") in told), name


def test_a_room_without_the_sensor_is_told_where_it_names_the_set(tmp_path: Path) -> None:
    path = tmp_path / "room.yaml"
    path.write_text(LAB.replace("gas-sensor", "light-sensor") + "interlock_sets: [gas]\n", encoding="utf-8")
    with pytest.raises(DocumentError) as raised:
        load_room(path)
    said = [str(problem) for problem in raised.value.problems]
    assert len(said) == 2
    assert all(f"{path}:16:18: interlock_sets[0]: gas, when[" in one for one in said)


def test_a_set_of_ones_own_is_read_from_beside_the_room(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(builtin_sets()["gas"].read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "room.yaml"
    path.write_text(f"{LAB}interlock_sets: [own.yaml]\n", encoding="utf-8")
    assert [rule.id for rule in load_room(path).interlocks] == ["gas"]


def test_what_is_wrong_in_a_set_of_ones_own_is_said_at_its_place(tmp_path: Path) -> None:
    own = builtin_sets()["gas"].read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(own.replace("role: gas-valve", "device: gas-valv"), encoding="utf-8")
    (tmp_path / "odd.yaml").write_text("id: odd\n", encoding="utf-8")
    path = tmp_path / "room.yaml"
    path.write_text(f"{LAB}interlock_sets: [own.yaml, odd.yaml, none.yaml, '']\n", encoding="utf-8")
    with pytest.raises(DocumentError) as raised:
        check_room(path)
    said = [str(problem).removeprefix(f"{tmp_path}/") for problem in raised.value.problems]
    assert "none.yaml:1:1: cannot be read: No such file or directory" in said
    assert "odd.yaml:1:1: interlocks: missing (its rules)" in said
    assert any(one.startswith("own.yaml:14:18: interlocks[0].then[0].device: the room has no device") for one in said)
    assert any(one.startswith("room.yaml:16:49: interlock_sets[3]: ") for one in said)


def test_the_sample_laboratory_has_interlocks_that_hold() -> None:
    room = load_room(sample_rooms()["lab-b203"])
    assert {rule.id for rule in rules_of(room)} == {"gas", "emergency-stop"}
