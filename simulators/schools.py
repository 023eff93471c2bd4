"""The schools of the generated city, spread over the wards of Ho Chi Minh City: the directory that goes with `city`.

Wards since July 2025 and where they are come from the data of the package `vietnamadminunits`, which is not imported
itself, since it would bring pandas along for a table of 168 rows.
"""

import csv
import importlib.util
import math
import random
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

COLUMNS = ("school", "name", "ward", "latitude", "longitude", "level")
_HCMC = "79"
_NAMES = (
    "Nguyễn Du", "Lê Lợi", "Trần Phú", "Hai Bà Trưng", "Lý Thường Kiệt", "Võ Thị Sáu", "Nguyễn Trãi", "Kim Đồng",
    "Hoa Mai", "Trần Quốc Toản", "Lê Quý Đôn", "Chu Văn An", "Bùi Thị Xuân", "Ngô Quyền", "Đinh Tiên Hoàng",
)  # fmt: skip
_LEVELS = (("tieu-hoc", "Tiểu học", 50), ("thcs", "THCS", 35), ("thpt", "THPT", 15))


@dataclass(frozen=True, slots=True)
class Ward:
    name: str
    latitude: float
    longitude: float
    area_km2: float


class NoWards(Exception):
    """The package with the wards is not there, or is not as it was."""


def wards() -> list[Ward]:
    """In order of their codes. Raises NoWards."""
    found = importlib.util.find_spec("vietnamadminunits")
    places = [] if found is None else found.submodule_search_locations or []
    path = next((Path(place) / "data" / "dataset.db" for place in places), None)
    if path is None or not path.is_file():
        raise NoWards("vietnamadminunits is not installed: pip install 'lophoc[ops]'")
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        rows = connection.execute(
            "SELECT ward, wardLat, wardLon, wardAreaKm2 FROM admin_units "
            "WHERE provinceCode = ? AND wardLat IS NOT NULL AND wardLon IS NOT NULL ORDER BY wardCode",
            (_HCMC,),
        ).fetchall()
    except sqlite3.Error as wrong:
        raise NoWards(f"the wards of vietnamadminunits cannot be read: {wrong}") from wrong
    finally:
        connection.close()
    return [Ward(name, latitude, longitude, area or 1.0) for name, latitude, longitude, area in rows]


def schools(count: int, of: Sequence[Ward], seed: int = 1) -> list[tuple[str, str, str, float, float, str]]:
    """Rows in order of slugs; the first ones are the same whatever `count` is. No two are at one place."""
    source = random.Random(seed)
    order = [*of]
    source.shuffle(order)
    rows = []
    for number in range(count):
        ward = order[number % len(order)]
        level, word, _ = source.choices(_LEVELS, [share for _, _, share in _LEVELS])[0]
        # A ward's size in degrees: a school is within two thirds of the radius of a circle of its area.
        radius = math.sqrt(ward.area_km2 / math.pi) / 111.0 * 0.67
        angle, distance = source.uniform(0, 2 * math.pi), radius * math.sqrt(source.random())
        latitude = round(ward.latitude + distance * math.sin(angle), 5)
        longitude = round(ward.longitude + distance * math.cos(angle), 5)
        name = f"{word} {source.choice(_NAMES)} {number + 1}"
        rows.append((f"school-{number:04}", name, ward.name, latitude, longitude, level))
    return rows


@click.command()
@click.option("--schools", "count", default=900, show_default=True, type=click.IntRange(1, 5_000), help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same schools.")
def command(count: int, seed: int) -> None:
    """A directory of schools as CSV, for `lophoc ops --schools`: the slugs are those of `lophoc sim city`."""
    try:
        rows = schools(count, wards(), seed)
    except NoWards as why:
        raise click.ClickException(str(why)) from why
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows)
