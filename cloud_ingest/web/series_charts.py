"""Charts in a page: the browser asks the API for each, at the length of time that is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nicegui.element import Element
from nicegui.elements import echart

from classroom_profiles.metrics import unit
from classroom_profiles.telemetry import Series
from cloud_ingest.web import links
from cloud_ingest.web.seat import Seat

MOST = 12
"""Charts on a page."""


@dataclass(frozen=True, slots=True)
class Length:
    code: str
    seconds: int
    window: str
    window_s: int


LENGTHS = (
    Length("15m", 900, "1m", 60),
    Length("1h", 3600, "1m", 60),
    Length("6h", 21_600, "1m", 60),
    Length("24h", 86_400, "5m", 300),
    Length("7d", 604_800, "15m", 900),
    Length("30d", 2_592_000, "1h", 3600),
    Length("1y", 31_536_000, "1d", 86_400),
)
USUAL = "24h"


class SeriesCharts(
    Element,
    component=Path(__file__).parent / "series_charts.js",
    esm={"nicegui-echart": str(Path(echart.__file__ or "").parent / "dist")},
):
    def __init__(self, seat: Seat, school: str, series: Sequence[Series]) -> None:
        super().__init__()
        say = seat.say
        self._props["series"] = [
            {
                "url": links.windows(school, one),
                "title": say.metric(one.metric),
                "where": f"{say.of('role', one.role)} · {one.device}",
                "unit": unit(one.metric),
            }
            for one in series[:MOST]
        ]
        self._props["spans"] = [
            {
                "code": length.code, "words": say(f"span.{length.code}"), "seconds": length.seconds,
                "window": length.window, "window_s": length.window_s,
            }
            for length in LENGTHS
        ]  # fmt: skip
        self._props["span"] = seat.asked.one_of("span", [length.code for length in LENGTHS], USUAL)
        self._props["language"] = say.language
        self._props["words"] = {name: say(f"chart.{name}") for name in ("span", "no_chart", "empty", "summary", "gap")}
