"""Forecasts from what a store really holds, by the command that makes them."""

import json
import stat
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.forecasts.cli import forecast
from cloud_ingest.forecasts.forecast_file import FILE, ForecastFile, ForecastsUnavailable, Wanted
from cloud_ingest.store import Portion, store_of
from cloud_ingest.windows import DAY_US
from tests.cloud_ingest.forecasts.history import battery_percent, lamp_hours, night_co2_ppm

LAMP = Series(Measurement.READING, "r1", "projector", "projector", "lamp_h")
NEW_LAMP = Series(Measurement.READING, "r2", "projector", "projector", "lamp_h")
CELL = Series(Measurement.READING, "r1", "air", "air-sensor", "battery_percent")
CO2 = Series(Measurement.READING, "r1", "air", "air-sensor", "co2_ppm")
OTHER = Series(Measurement.READING, "r1", "air", "air-sensor", "noise_db")


def at(day: date, hour: int = 12) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A year and more of a room, a point an evening; of the air one an hour."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}?raw_days=500"
    today = datetime.fromtimestamp(time.time() // 86_400 * 86_400, UTC).date() - timedelta(days=1)
    histories = {
        LAMP: lamp_hours(1, today - timedelta(days=300), today, 4000),
        NEW_LAMP: lamp_hours(1, today - timedelta(days=7), today),
        CELL: battery_percent(2, today - timedelta(days=130), 131),
        OTHER: battery_percent(3, today - timedelta(days=60), 61),
    }
    runs = [
        Run(series, True, [at(one.day) for one in days], [one.value for one in days])
        for series, days in histories.items()
    ]
    lows = night_co2_ppm(3, today - timedelta(days=100), 101, 30)
    runs.append(
        Run(
            CO2, True, [at(one.day, hour) for one in lows for hour in range(24)],
            [one.value + 20 * hour for one in lows for hour in range(24)],
        )
    )  # fmt: skip
    store = store_of(url)
    store.open()
    store.write([Portion("le-loi", runs)])
    while store.tend(time.time_ns() // 1000 + DAY_US):
        pass
    store.close()
    return url


def test_a_night_of_a_school_and_what_it_shows_in_the_morning(store_url: str, tmp_path: Path) -> None:
    run, data = CliRunner(), ["--data", str(tmp_path / "ops")]
    made = run.invoke(forecast, ["make", *data, "--store", store_url, "--school", "le-loi"])
    assert made.exit_code == 0, made.output
    assert "3 dự báo / forecasts; không có / none: short 1" in made.output
    assert stat.S_IMODE((tmp_path / "ops" / FILE).stat().st_mode) == 0o600
    shown = run.invoke(forecast, ["list", *data, "--json"])
    found = {one["series"]["metric"]: one for one in map(json.loads, shown.output.splitlines())}
    assert set(found) == {"lamp_h", "battery_percent", "co2_ppm"}
    assert (found["lamp_h"]["wear"], found["lamp_h"]["limit"], found["lamp_h"]["unit"]) == ("lamp", 5000, "h")
    assert found["lamp_h"]["early"] <= found["lamp_h"]["expected"]
    assert found["lamp_h"]["back_test"]["error"] < found["lamp_h"]["back_test"]["naive_error"]
    assert found["battery_percent"]["expected"] is not None
    assert found["co2_ppm"]["notes"] == ["sure"]
    assert 20 < found["co2_ppm"]["value"] - 70 < 70  # 100 days at 30 ppm a month
    lines = run.invoke(forecast, ["list", *data, "--wear", "lamp"]).output.splitlines()
    assert len(lines) == 1
    assert "naive" in lines[0]
    assert run.invoke(forecast, ["list", *data, "--find", "nowhere"]).exit_code == 1
    # what is far off is left for its turn in the week, what is near is made again
    with ForecastFile(tmp_path / "ops" / FILE) as kept:
        before = kept.read(Wanted("le-loi"), limit=10)
        assert kept.read(Wanted("other")) == []
        assert len(kept.read(Wanted(find="projector", until=date.max))) <= 1
        kept.forget("le-loi", LAMP)
        assert len(kept.read()) == 2
    assert run.invoke(forecast, ["make", *data, "--store", store_url, "--school", "le-loi"]).exit_code == 0
    with ForecastFile(tmp_path / "ops" / FILE) as kept:
        assert kept.read(Wanted("le-loi"), limit=10) == before


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    run, data = CliRunner(), ["--data", str(tmp_path)]
    assert run.invoke(forecast, ["list", *data]).exit_code == 1
    assert run.invoke(forecast, ["make", *data, "--store", "nothing://x"]).exit_code == 2
    assert run.invoke(forecast, ["make", *data, "--store", f"sqlite:///{tmp_path / 'none'}"]).exit_code == 1
    (tmp_path / FILE).write_bytes(b"no database at all" * 99)
    assert run.invoke(forecast, ["list", *data]).exit_code == 1
    with pytest.raises(ForecastsUnavailable), ForecastFile(tmp_path / "none", create=False):
        pass
