"""Journal files that cannot be used as they are: moved out of the way as `*.corrupt-N`, and the oldest forgotten."""

import contextlib
import glob
import shutil
from pathlib import Path


def put_aside(path: Path) -> None:
    """Move a file that cannot be used out of the way, with its log. Of those that were moved before, one stays."""
    number = times_corrupt(path) + 1
    put_log_aside(path)
    with contextlib.suppress(FileNotFoundError):
        path.rename(corrupt(path, number))
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    for old in sorted(_corrupt(path))[:-2]:
        for end in ("-wal", "-shm", ""):
            corrupt(path, old, end).unlink(missing_ok=True)


def put_log_aside(path: Path) -> None:
    """Give the log a second name: if the power goes before its file is moved, neither of the two is without a log.

    A log without its file is nothing: SQLite removes it.
    """
    log, aside = path.with_name(f"{path.name}-wal"), corrupt(path, times_corrupt(path) + 1, "-wal")
    if not log.exists():
        return
    aside.unlink(missing_ok=True)
    try:
        aside.hardlink_to(log)
    except OSError:  # a file system without hard links
        shutil.copyfile(log, aside)


def log_waits(path: Path) -> bool:
    """True if a log was put aside, and its file was not."""
    return corrupt(path, times_corrupt(path) + 1, "-wal").exists()


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
