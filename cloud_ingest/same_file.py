"""Is a path still the file that was opened? SQLite goes on in one that was deleted, or put back from a copy."""

from pathlib import Path


def inode(path: Path) -> int:
    """0 if there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
