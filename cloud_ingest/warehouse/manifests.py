"""What days an export's folder has: whole ones with their manifest, and those that are not."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})(?:\.json)?")


class ExportUnavailable(Exception):
    """The folder cannot be read now; the text says why."""


@dataclass(frozen=True, slots=True)
class ExportedDay:
    """Without a manifest the numbers are 0 and `made` is empty."""

    day: date
    is_whole: bool
    """There is a manifest, and each of its files is there and as long as it says."""
    schools: int = 0
    rows: int = 0
    files: int = 0
    bytes: int = 0
    made: str = ""
    """ISO 8601, UTC."""
    missing: int = 0
    """Files that are not there, or are of another length."""


def days_in(out: Path, limit: int | None = None, before: date | None = None) -> list[ExportedDay]:
    """The newest first; `before`: only days before it. Raises ExportUnavailable."""
    try:
        if not out.is_dir():
            raise ExportUnavailable(f"there is no folder {out}")
        days = sorted({*_days(out / "manifests"), *_days(out / "points"), *_days(out / "windows")}, reverse=True)
        chosen = [day for day in days if before is None or day < before]
        return [_looked_at(out, day) for day in chosen[:limit]]
    except OSError as why:
        raise ExportUnavailable(f"{out}: {why.strerror or why}") from why


def _days(folder: Path) -> Iterator[date]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        found = _DAY.fullmatch(entry.name)
        if found is not None:
            try:
                yield date.fromisoformat(found[1])
            except ValueError:
                continue


def _looked_at(out: Path, day: date) -> ExportedDay:
    path = out / "manifests" / f"day={day.isoformat()}.json"
    try:
        said = json.loads(path.read_text("utf-8"))
        files = [(str(file["path"]), int(file["bytes"])) for file in said["files"]]
        schools, rows, made = int(said["schools"]), int(said["rows"]), str(said["made"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ExportedDay(day, is_whole=False)
    missing = sum(not _is_there(out / name, size) for name, size in files)
    return ExportedDay(day, not missing, schools, rows, len(files), sum(size for _, size in files), made, missing)


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
