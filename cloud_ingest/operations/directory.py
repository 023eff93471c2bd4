"""The directory of schools: their names, wards and places, from a CSV file that people keep."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud_ingest.accounts.who import SCHOOL_NAME

COLUMNS = ("school", "name", "ward", "latitude", "longitude", "level")
_MOST = 20_000
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class School:
    """`latitude` and `longitude` are degrees, WGS 84; None if nobody has said where it is."""

    school: str
    name: str
    ward: str = ""
    latitude: float | None = None
    longitude: float | None = None
    level: str = ""
    """As the file has it, such as `tieu-hoc`, `thcs`, `thpt`."""


class WrongDirectory(ValueError):
    """The file is not as it must be: a person has to correct it. The text begins with the file and the line."""


def read(path: Path) -> Mapping[str, School]:
    """By slug. Raises WrongDirectory."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as wrong:
        raise WrongDirectory(f"{path}: {wrong.strerror or wrong}") from wrong
    except UnicodeDecodeError as wrong:
        raise WrongDirectory(f"{path}: not UTF-8: save the table as 'CSV UTF-8'") from wrong
    return parsed(text, str(path))


def parsed(text: str, name: str = "schools.csv") -> Mapping[str, School]:
    """By slug. Raises WrongDirectory."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, School] = {}
    try:
        heads = next(rows, None)
        if heads is None or tuple(head.strip().lower() for head in heads) != COLUMNS:
            raise WrongDirectory(f"{name}:1: the first line is {','.join(COLUMNS)}")
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{name}:{rows.line_num}"
            school = _school(row, where)
            if school.school in found:
                raise WrongDirectory(f"{where}: school {school.school} is there twice")
            found[school.school] = school
            if len(found) > _MOST:
                raise WrongDirectory(f"{where}: at most {_MOST} schools")
    except csv.Error as wrong:
        raise WrongDirectory(f"{name}:{rows.line_num}: {wrong}") from wrong
    return found


def _school(row: list[str], where: str) -> School:
    if len(row) != len(COLUMNS):
        raise WrongDirectory(f"{where}: {len(row)} cells; there are {len(COLUMNS)}: {','.join(COLUMNS)}")
    slug, name, ward, latitude, longitude, level = (cell.strip() for cell in row)
    if SCHOOL_NAME.fullmatch(slug) is None:
        raise WrongDirectory(f"{where}: school: '{slug[:60]}' is no slug: 1 to 48 of a-z, 0-9 and '-'")
    for column, text in (("name", name), ("ward", ward), ("level", level)):
        if len(text) > _LONGEST or not text.isprintable():
            raise WrongDirectory(f"{where}: {column}: at most {_LONGEST} printable characters")
    if not name:
        raise WrongDirectory(f"{where}: name: a school has a name")
    if bool(latitude) != bool(longitude):
        raise WrongDirectory(f"{where}: latitude and longitude: both or none")
    return School(
        slug, name, ward, _degrees(latitude, 90, "latitude", where), _degrees(longitude, 180, "longitude", where), level
    )


def _degrees(text: str, most: int, column: str, where: str) -> float | None:
    if not text:
        return None
    try:
        degrees = float(text)
    except ValueError:
        degrees = float("nan")
    if not -most <= degrees <= most:
        raise WrongDirectory(f"{where}: {column}: a number of degrees from -{most} to {most}, such as 10.7769")
    return degrees
