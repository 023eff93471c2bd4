"""What cannot be digested is kept for a technician, within bounds."""

import stat
from pathlib import Path

import pytest

from classroom_profiles.telemetry import digest
from classroom_profiles.topics import Address
from cloud_ingest.inbox import Message
from cloud_ingest.quarantine import Quarantine


def message(payload: bytes) -> Message:
    return Message(Address("thcs", "gw-1"), digest(payload), payload)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "set-aside"


def test_its_bytes_and_the_reason_are_kept_for_nobody_else_to_read(folder: Path) -> None:
    assert Quarantine(folder).set_aside(message(b"poison"), "workers died")
    name = f"thcs.gw-1.{digest(b'poison')}"
    assert (folder / f"{name}.batch").read_bytes() == b"poison"
    assert (folder / f"{name}.txt").read_text().endswith(" workers died\n")
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_the_same_again_takes_no_more_room(folder: Path) -> None:
    small = Quarantine(folder, files=1)
    assert all(small.set_aside(message(b"poison"), "again") for _ in range(3))
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("bounds", [(2, 1000), (100, 12)], ids=["files", "bytes"])
def test_when_it_is_full_it_takes_no_more(folder: Path, bounds: tuple[int, int]) -> None:
    full = Quarantine(folder, *bounds)
    assert [full.set_aside(message(payload * 6), "bad") for payload in (b"a", b"b", b"c")] == [True, True, False]


def test_without_a_place_nothing_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert not Quarantine(tmp_path / "file" / "x").set_aside(message(b"a"), "bad")
