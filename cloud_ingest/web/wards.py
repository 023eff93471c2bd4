"""The city's shape without any map service: a cell for each ward, from where it is and how large it is.

Nobody gives ward borders away with a package, but `vietnamadminunits` has each ward's middle and its area. A disc of
that area stands for the ward, and where two discs meet the line between them is where both are equally near for their
size (a power diagram). It is a sketch that people recognise, not a survey.
"""

import importlib.util
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

HO_CHI_MINH_CITY = "79"
_KM_PER_DEGREE = 111.32
_CORNERS = 40
_WIDER = 1.45
"""Discs of the areas' own size leave holes between them, wider ones do not. Who gets what goes by the own size."""

_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ward:
    code: str
    name: str
    kind: str
    """Phường, Xã or Đặc khu."""
    latitude: float
    longitude: float
    area_km2: float


def wards(province: str = HO_CHI_MINH_CITY) -> Sequence[Ward]:
    """Those of a province since July 2025, in order of their codes."""
    package = importlib.util.find_spec("vietnamadminunits")  # importing it brings shapely along, and takes a second
    if package is None or package.origin is None:
        raise ModuleNotFoundError("vietnamadminunits is not installed: pip install 'lophoc[ops]'")
    path = Path(package.origin).with_name("data") / "dataset.db"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as rows:
        found = rows.execute(
            "SELECT wardCode, wardShort, wardType, wardLat, wardLon, wardAreaKm2 FROM admin_units "
            "WHERE provinceCode = ? ORDER BY wardCode",
            (province,),
        ).fetchall()
    return [Ward(*row) for row in found]


def cells(found: Sequence[Ward]) -> list[list[_Point]]:
    """For each ward the corners of its cell as latitude and longitude; none if larger ones swallow it."""
    if not found:
        return []
    narrow = math.cos(math.radians(sum(ward.latitude for ward in found) / len(found)))
    discs = [
        (
            ward.longitude * _KM_PER_DEGREE * narrow,
            ward.latitude * _KM_PER_DEGREE,
            math.sqrt(max(ward.area_km2, 0.1) / math.pi),
        )
        for ward in found
    ]
    return [[(y / _KM_PER_DEGREE, x / (_KM_PER_DEGREE * narrow)) for x, y in _cell(disc, discs)] for disc in discs]


def _cell(disc: tuple[float, float, float], discs: Sequence[tuple[float, float, float]]) -> list[_Point]:
    x, y, radius = disc
    turns = [2 * math.pi * corner / _CORNERS for corner in range(_CORNERS)]
    corners = [(x + _WIDER * radius * math.cos(turn), y + _WIDER * radius * math.sin(turn)) for turn in turns]
    for other_x, other_y, other_radius in discs:
        dx, dy = other_x - x, other_y - y
        apart = dx * dx + dy * dy
        if not 0 < apart < (_WIDER * (radius + other_radius)) ** 2:
            continue
        # Nearer to this one: (p - here)·d <= edge, where both powers are the same.
        edge = (apart + radius * radius - other_radius * other_radius) / 2
        corners = _cut(corners, x, y, dx, dy, edge)
    return corners


def _cut(corners: Sequence[_Point], x: float, y: float, dx: float, dy: float, edge: float) -> list[_Point]:
    """What of a convex polygon is on this side of a line."""
    kept: list[_Point] = []
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], *corners[:1]], strict=True):
        a, b = (ax - x) * dx + (ay - y) * dy - edge, (bx - x) * dx + (by - y) * dy - edge
        if a <= 0:
            kept.append((ax, ay))
        if (a < 0 < b) or (b < 0 < a):
            part = a / (a - b)
            kept.append((ax + part * (bx - ax), ay + part * (by - ay)))
    return kept
