"""The newest values come from their file once it is there, whoever was started first; else from the store."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from classroom_profiles.topics import Address
from cloud_ingest.alarms.sources import FromFiles
from cloud_ingest.last_values import LastValues, LastValuesUnavailable
from cloud_ingest.operations.feed import Feed, LastValue
from cloud_ingest.operations.lasts_feed import LastsFeed
from cloud_ingest.store import SchoolTotals, StoreUnavailable
from tests.cloud_ingest.operations.a_city import ONLINE, Place
from tests.cloud_ingest.test_last_values import run, say

_LOG = logging.getLogger("lophoc.test")
_CO2 = {("air-1", "air", "co2_ppm"): 700.0}


def _values(rows: Sequence[LastValue]) -> list[tuple[str, str, object]]:
    return [(row.school, row.metric, row.value) for row in rows]


def test_what_the_store_told_and_then_the_file(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.say("thcs-a", "gw-a101", ONLINE)
    place.measure("thcs-a", "a101", _CO2)
    path = place.folder / "last-values"
    now_us = place.clock.now_us
    with caplog.at_level(logging.INFO), LastsFeed(path, place.feed(), _LOG) as feed:
        same: Feed = feed
        revision, rows = same.changed_since(0)
        assert _values(rows) == [("thcs-a", "co2_ppm", 700.0)]
        assert _values(feed.latest("thcs-a", "a101")) == [("thcs-a", "co2_ppm", 700.0)]
        assert feed.by_school("co2_ppm", 0) == [SchoolTotals("thcs-a", 1, 700.0, now_us)]
        with LastValues(path, flush_s=3600.0) as lasts:
            say(lasts, run("co2_ppm", (now_us + 1, 800)))
            lasts.flush()
            revision, rows = feed.changed_since(revision)
            assert _values(rows) == [("thcs", "co2_ppm", 800)]
            assert feed.changed_since(revision) == (revision, [])
            say(lasts, run("co2_ppm", (now_us + 2, 900)))
            lasts.flush()
            assert _values(feed.changed_since(revision)[1]) == [("thcs", "co2_ppm", 900)]
            assert _values(feed.latest("thcs", "a101")) == [("thcs", "co2_ppm", 900)]
            place.store.close()
            assert feed.by_school("co2_ppm", 0) == [SchoolTotals("thcs", 1, 900.0, now_us + 2)], "no store is asked"
        said = [record.levelname for record in caplog.records if record.name == _LOG.name]
        assert said == ["WARNING", "INFO"]


def test_a_file_that_was_there_and_is_away_is_not_made_up_for_by_the_store(place: Place) -> None:
    path = place.folder / "last-values"
    with LastValues(path, flush_s=3600.0), LastsFeed(path, place.feed(), _LOG) as feed:
        assert feed.changed_since(0) == (0, [])
        path.unlink()
        with pytest.raises(LastValuesUnavailable, match="there is no file"):
            feed.changed_since(0)


def test_alarms_read_the_file_and_never_open_the_store(tmp_path: Path) -> None:
    asked = FromFiles(f"sqlite:///{tmp_path / 'none.sqlite'}", tmp_path / "registry", tmp_path / "last-values")
    try:
        with pytest.raises(StoreUnavailable):
            asked.changed_since(0)
        with LastValues(tmp_path / "last-values", flush_s=3600.0) as lasts:
            say(lasts, run("co2_ppm", (1_000_000, 800)))
            lasts.flush()
            revision, points = asked.changed_since(0)
            assert [(one.school, one.room, one.metric, one.value) for one in points] == [
                ("thcs", "a101", "co2_ppm", 800)
            ]
            assert asked.changed_since(revision)[1] == []
    finally:
        asked.close()


def test_alarms_ask_the_store_where_there_is_no_file(place: Place) -> None:
    place.registry.on_status(Address("thcs-a", "gw-a101"), ONLINE)
    place.measure("thcs-a", "a101", _CO2)
    asked = FromFiles(f"sqlite:///{place.folder / 'store.sqlite'}", place.path, place.folder / "last-values")
    try:
        assert [(one.school, one.value) for one in asked.changed_since(0)[1]] == [("thcs-a", 700.0)]
    finally:
        asked.close()
