"""Real processes: killed at any moment, or on a full disk, they lose nothing that they said was durable."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.edge_agent.journal_peer import everything, on_disk, opened, some, values


@contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Killed at the end if it still runs."""
    command = [sys.executable, "-m", f"tests.edge_agent.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def durable(process: subprocess.Popen[str], at_least: int) -> int:
    """What it was last sure of, which is `at_least`."""
    assert process.stdout is not None
    for line in process.stdout:
        word, number = line.split()
        if word == "durable" and int(number) >= at_least:
            return int(number)
    raise AssertionError(f"it ended with exit code {process.wait(10)}")


async def test_kill_9_loses_nothing_that_flush_said_was_durable(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = 0
    for _ in range(3):
        with child("gateway_child", str(path), str(first)) as process:
            sure = durable(process, first + 700)
            process.kill()
            process.wait(10)
        async with opened(path) as journal:
            found = values(await everything(journal))
            assert journal.corrupt == 0
        assert sure <= len(found)
        assert found == [float(number) for number in range(len(found))]  # in order, each once, and no hole
        first = len(found)


def test_on_a_full_disk_points_wait_in_memory_and_are_written_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with child("full_disk_child", str(path)) as process:
        assert process.stdout is not None
        word, full = process.stdout.readline().split()
        assert word == "full"
        total = durable(process, int(full) + 5000)
        assert process.wait(10) == 0
    assert on_disk(path) == some(total)
