"""A batch that kills workers is found out, and kills from outside accuse nobody for ever."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud_ingest.suspects import DEATHS, Suspects

DIGESTS = [f"{number:016x}" for number in range(40)]
_spawned = multiprocessing.get_context("spawn")


def _die_with(folder: Path, digests: Sequence[str], writer: int) -> None:
    suspects = Suspects(folder, 2)
    for digest in digests:
        suspects.in_hand[writer].add(digest)
    os.kill(os.getpid(), signal.SIGKILL)


def die_with(folder: Path, digests: Sequence[str], writer: int = 0) -> None:
    """A worker that dies with these batches in hand."""
    worker = _spawned.Process(target=_die_with, args=(folder, digests, writer))
    worker.start()
    worker.join(20)
    assert worker.exitcode == -signal.SIGKILL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ingest"


def test_who_dies_makes_what_it_had_in_hand_suspect(folder: Path) -> None:
    die_with(folder, DIGESTS[:24], writer=1)
    suspects = Suspects(folder, 2)
    assert [suspects.crowd(digest) for digest in (DIGESTS[0], DIGESTS[23], DIGESTS[24])] == [3, 3, None]
    suspects.close()


def test_a_batch_that_was_alone_in_hand_too_often_is_poison(folder: Path) -> None:
    for _ in range(DEATHS):
        suspects = Suspects(folder, 1)
        assert suspects.crowd(DIGESTS[0]) != 0
        suspects.close()
        die_with(folder, DIGESTS[:1])
    suspects = Suspects(folder, 1)
    assert suspects.crowd(DIGESTS[0]) == 0
    suspects.close()


def test_a_folder_that_goes_away_meanwhile_stops_nobody(folder: Path) -> None:
    die_with(folder, DIGESTS[:8])
    suspects = Suspects(folder, 1)
    os.utime(folder / "suspects.json", ns=(1, 1))
    (folder / "lock").unlink()
    (folder / "lock").mkdir()  # what another process's removal looks like: the lock cannot be had
    suspects.refresh()
    assert suspects.crowd(DIGESTS[0]) == 1
    (folder / "lock").rmdir()
    suspects.close()


def test_what_did_no_harm_is_cleared_for_all_workers(folder: Path) -> None:
    die_with(folder, DIGESTS[:8])
    one, other = Suspects(folder, 1), Suspects(folder, 1)
    one.clear(DIGESTS[:4])
    other.refresh()
    assert [other.crowd(digest) for digest in (DIGESTS[0], DIGESTS[7])] == [None, 1]
    other.clear(DIGESTS[4:8])
    one.close()
    other.close()
    assert not folder.exists()


def test_other_workers_hear_of_a_death_while_they_run(folder: Path) -> None:
    lives = Suspects(folder, 1)
    lives.in_hand[0].add(DIGESTS[30])
    die_with(folder, DIGESTS[:1])
    follower = Suspects(folder, 1)
    lives.refresh()
    assert lives.crowd(DIGESTS[0]) == 1
    assert lives.crowd(DIGESTS[30]) is None  # its own worker lives
    follower.close()
    lives.close()


def test_what_was_let_out_of_hand_is_not_suspect(folder: Path) -> None:
    suspects = Suspects(folder, 1)
    suspects.in_hand[0].add(DIGESTS[0])
    suspects.in_hand[0].clear()
    suspects.close()
    die_with(folder, [])
    again = Suspects(folder, 1)
    assert again.crowd(DIGESTS[0]) is None
    again.close()


def test_a_folder_that_cannot_be_used_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    suspects = Suspects(tmp_path / "file" / "x", 1)
    suspects.in_hand[0].add(DIGESTS[0])
    suspects.refresh()
    assert suspects.crowd(DIGESTS[0]) is None
    suspects.clear([DIGESTS[0]])
    suspects.close()
    assert "is not found out" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"\xff\xff", b"[]"])
def test_a_damaged_list_of_suspects_is_none(folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "suspects.json").write_bytes(content)
    suspects = Suspects(folder, 1)
    assert suspects.crowd(DIGESTS[0]) is None
    suspects.close()


def test_a_damaged_note_of_a_dead_worker_accuses_nobody_and_stops_nothing(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "in-hand-1-a").write_bytes(b"\xff" * 100)
    (folder / "in-hand-2-b").write_bytes(b"")
    suspects = Suspects(folder, 1)
    suspects.close()
    assert not list(folder.glob("in-hand-*"))
