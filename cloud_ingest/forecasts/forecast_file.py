"""Forecasts as they were made last, in a small SQLite file that the operations centre reads."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Self

import msgspec

from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.forecasts.forecast import Forecast, Wear
from cloud_ingest.own_file import OwnFile

FILE = "forecasts.sqlite"

_VERSION = 1
_SCHEMA = """
CREATE TABLE forecast (
    school TEXT NOT NULL, room TEXT NOT NULL, device TEXT NOT NULL, role TEXT NOT NULL, measurement TEXT NOT NULL,
    metric TEXT NOT NULL, wear TEXT NOT NULL, made TEXT NOT NULL, expected TEXT, said TEXT NOT NULL,
    PRIMARY KEY (school, room, device, role, measurement, metric)) WITHOUT ROWID;
CREATE INDEX forecast_by_day ON forecast (expected, school);
"""


class ForecastsUnavailable(Exception):
    """The file cannot be read or written now; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them; the defaults: all."""

    school: str | None = None
    room: str | None = None
    device: str | None = None
    wear: Wear | None = None
    until: date | None = None
    """Expected by then."""
    find: str = ""
    """In slugs and metrics, in any case."""
    named: frozenset[str] = frozenset()
    """Schools in whose names the same was found."""


_FITS = """(:school IS NULL OR school = :school) AND (:room IS NULL OR room = :room)
AND (:device IS NULL OR device = :device) AND (:wear IS NULL OR wear = :wear)
AND (:until IS NULL OR expected <= :until)
AND (:find = '' OR instr(school || ' ' || room || ' ' || device || ' ' || role || ' ' || metric, :find)
OR school IN (SELECT value FROM json_each(:named)))"""


def _asked(wanted: Wanted) -> dict[str, str | int | None]:
    return {
        "school": wanted.school, "room": wanted.room, "device": wanted.device, "wear": wanted.wear,
        "until": None if wanted.until is None else wanted.until.isoformat(), "find": wanted.find.strip().lower(),
        "named": msgspec.json.encode(sorted(wanted.named)).decode(),
    }  # fmt: skip


class ForecastFile:
    """Open it with `with`. Blocking; from any thread. All methods raise ForecastsUnavailable."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._file = OwnFile(path, _SCHEMA, _VERSION, "the forecasts", ForecastsUnavailable, create=create)

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.__exit__()

    def put(self, forecasts: Iterable[Forecast]) -> None:
        """In place of what was said of the same series before; all of them or none."""
        rows = [
            (
                one.school, *_key(one.series), one.wear, one.made.isoformat(),
                None if one.expected is None else one.expected.isoformat(), msgspec.json.encode(asdict(one)).decode(),
            )
            for one in forecasts
        ]  # fmt: skip
        with self._file.changing() as kept:
            kept.executemany("INSERT OR REPLACE INTO forecast VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def forget(self, school: str, series: Series) -> None:
        """Nothing can be said of it any more."""
        with self._file.reading() as kept:
            kept.execute(
                "DELETE FROM forecast WHERE school = ? AND room = ? AND device = ? AND role = ? AND measurement = ? "
                "AND metric = ?",
                (school, *_key(series)),
            )

    def read(self, wanted: Wanted = Wanted(), limit: int = 100, offset: int = 0) -> list[Forecast]:
        """The soonest first, those beyond their horizon last."""
        with self._file.reading() as kept:
            found = kept.execute(
                f"SELECT said FROM forecast WHERE {_FITS} "
                "ORDER BY expected IS NULL, expected, school, room, device, metric LIMIT :limit OFFSET :offset",
                {**_asked(wanted), "limit": limit, "offset": offset},
            )
            return [msgspec.json.decode(said, type=Forecast) for (said,) in found]

    def count(self, wanted: Wanted = Wanted()) -> int:
        with self._file.reading() as kept:
            found: int = kept.execute(f"SELECT count(*) FROM forecast WHERE {_FITS}", _asked(wanted)).fetchone()[0]
            return found

    def made(self) -> date | None:
        """When the newest was made; None if there is none."""
        with self._file.reading() as kept:
            found = kept.execute("SELECT max(made) FROM forecast").fetchone()[0]
            return None if found is None else date.fromisoformat(found)

    def expected(self, school: str) -> dict[Series, tuple[date, date | None]]:
        """When each of a school was made, and what it expects."""
        with self._file.reading() as kept:
            found = kept.execute(
                "SELECT room, device, role, measurement, metric, made, expected FROM forecast WHERE school = ?",
                (school,),
            )
            return {
                Series(Measurement(measurement), room, device, role, metric): (
                    date.fromisoformat(made), None if then is None else date.fromisoformat(then),
                )
                for room, device, role, measurement, metric, made, then in found
            }  # fmt: skip


def _key(series: Series) -> tuple[str, str, str, str, str]:
    return series.room, series.device, series.role, series.measurement, series.metric
