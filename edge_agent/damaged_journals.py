"""Journal files that cannot be used as they are: moved out of the way as `*.corrupt-N`, and the oldest forgotten."""

import contextlib
import glob
from pathlib import Path


def put_aside(path: Path) -> None:
    """Move a file that cannot be used out of the way, with its log. Of those that were moved before, one stays."""
    number = times_corrupt(path) + 1
    for end in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(corrupt(path, number, end))
    for old in sorted(_corrupt(path))[:-2]:
        for end in ("-wal", "-shm", ""):
            corrupt(path, old, end).unlink(missing_ok=True)


def corrupt(path: Path, number: int, end: str = "") -> Path:
    """Where the journal of `path` is once it has been put aside."""
    return path.with_name(f"{path.name}.corrupt-{number}{end}")


def times_corrupt(path: Path) -> int:
    """How many journals have been put aside at `path`."""
    return max(_corrupt(path), default=0)


def _corrupt(path: Path) -> list[int]:
    found = (
        each.name.removeprefix(f"{path.name}.corrupt-")
        for each in path.parent.glob(f"{glob.escape(path.name)}.corrupt-*")
    )
    return [int(number) for number in found if number.isdecimal()]
