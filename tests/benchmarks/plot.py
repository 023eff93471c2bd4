"""A line chart as a small SVG that reads on light and dark pages, for the docs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 50
_COLOURS = ("#2f6fb5", "#c8702a", "#3a8f5c")


class Line(NamedTuple):
    """One line of the chart."""

    name: str
    values: Sequence[float]


def chart(title: str, x_name: str, xs: Sequence[float], lines: Sequence[Line]) -> str:
    """`xs` on a logarithmic axis, values from 0 on a linear one."""
    top = _round_up(max(value for line in lines for value in line.values))
    low, high = math.log10(min(xs)), math.log10(max(xs))

    def x_of(x: float) -> float:
        return _LEFT + (math.log10(x) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y_of(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="13" fill="#777">',
        f'<text x="{_LEFT}" y="20" font-size="15">{title}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        y = y_of(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#777" stroke-opacity=".3"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for x in xs:
        anchor = "end" if x == max(xs) else "middle"
        parts.append(f'<text x="{x_of(x):.1f}" y="{_HEIGHT - 30}" text-anchor="{anchor}">{x:,.0f}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 10}" text-anchor="middle">{x_name}</text>')
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(xs, line.values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        beside = -8 if number == 0 else 20  # the first line's name is above it, the others' below
        parts.append(
            f'<text x="{_WIDTH - _RIGHT}" y="{y_of(line.values[-1]) + beside:.1f}" text-anchor="end" fill="{colour}">'
            f"{line.name}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    scale = 10.0 ** math.floor(math.log10(value))
    return float(next(step * scale for step in (1, 2, 5, 10) if step * scale >= value))
