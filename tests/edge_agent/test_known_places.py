"""Where someone has logged in is kept: few, ours alone to read, and never a reason to fail."""

import json
from pathlib import Path

import pytest

from edge_agent.known_places import MOST, KnownPlaces

WALL = "192.0.2.10"


async def test_a_place_is_known_from_then_on_and_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    places = KnownPlaces(file)
    assert WALL not in places
    await places.add(WALL)
    assert WALL in places
    assert WALL in KnownPlaces(file)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_those_of_long_ago_are_forgotten(tmp_path: Path) -> None:
    places = KnownPlaces()
    await places.add(WALL)
    for number in range(MOST - 1):
        await places.add(f"198.51.100.{number}")
    await places.add(WALL)
    await places.add("203.0.113.1")
    assert (WALL in places, "198.51.100.0" in places, "198.51.100.1" in places) == (True, False, True)


async def test_logging_in_again_at_the_same_place_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    places = KnownPlaces(file)
    await places.add(WALL)
    file.unlink()
    await places.add(WALL)
    assert not file.exists()


@pytest.mark.parametrize("written", ["", "{", "{}", "[1]", "[[]]", '["' + "x" * 65 + '"]', "\xff", "[" * 100_000])
async def test_a_spoiled_file_is_begun_anew(tmp_path: Path, written: str, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "known.json"
    file.write_bytes(written.encode("latin-1"))
    places = KnownPlaces(file)
    assert "cannot be read and is begun anew" in caplog.text
    await places.add(WALL)
    assert json.loads(file.read_text()) == [WALL]


def test_no_file_holds_more_than_it_may(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text(json.dumps([str(number) for number in range(MOST + 1)]))
    places = KnownPlaces(file)
    assert ("0" in places, "1" in places) == (False, True)


async def test_a_disk_that_takes_nothing_costs_only_the_memory_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    places = KnownPlaces(tmp_path / "no such folder" / "known.json")
    await places.add(WALL)
    assert WALL in places
    assert "cannot be written" in caplog.text
