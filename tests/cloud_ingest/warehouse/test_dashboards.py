"""Grafana's dashboards: each query of each panel is asked of the real InfluxDB, and answers with a series."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from classroom_profiles.metrics import METRICS
from cloud_ingest.store import store_of
from cloud_ingest.warehouse.cli import warehouse
from tests.cloud_ingest.warehouse.conftest import S, room_portion
from tests.servers import InfluxDB

VARIABLES = {"school": "le-loi", "room": "a101"}


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("dashboards")
    assert CliRunner().invoke(warehouse, ["dashboards", "--out", str(out)]).exit_code == 0
    return {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(Path(out).glob("*.json"))}


@pytest.fixture(scope="module")
def database(influxdb: InfluxDB) -> str:
    """An hour of a room, written as ingest writes it."""
    store = store_of(f"influx1://{influxdb.address}/dashboards")
    store.open()
    store.write([room_portion("le-loi", time.time_ns() // 1000 - 3600 * S, 60)])
    store.close()
    return "dashboards"


def asked(influxdb: InfluxDB, database: str, query: str) -> list[dict[str, Any]]:
    """As Grafana asks: its variables and macros are replaced in the text."""
    query = query.replace("$timeFilter", "time > now() - 2h").replace("$__interval", "5m")
    for name, value in VARIABLES.items():
        query = query.replace(f"${name}", value)
    assert "$" not in query.replace("$/", ""), query
    url = f"http://{influxdb.address}/query"
    answer = httpx.get(url, params={"db": database, "q": query}, trust_env=False, timeout=10.0).json()
    assert "error" not in answer, (query, answer)
    (result,) = answer["results"]
    assert "error" not in result, (query, result)
    return list(result.get("series", []))


def queries(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for variable in dashboard["templating"]["list"]:
        yield f"variable {variable['name']}", variable["query"]
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["query"]


def test_every_query_is_answered_with_what_is_stored(
    dashboards: dict[str, dict[str, Any]], influxdb: InfluxDB, database: str
) -> None:
    assert set(dashboards) == {"city", "room", "gateways"}
    count = 0
    for name, dashboard in dashboards.items():
        for title, query in queries(dashboard):
            found = asked(influxdb, database, query)
            assert found, (name, title)
            assert any(value is not None for row in found[0]["values"] for value in row[1:]), (name, title)
            count += 1
    assert count == 20


def test_each_names_metrics_that_there_are(dashboards: dict[str, dict[str, Any]]) -> None:
    known = {metric.name for metric in METRICS}
    for dashboard in dashboards.values():
        for title, query in queries(dashboard):
            for name in re.findall(r"\"metric\" = '([a-z0-9_]+)'", query):
                assert name in known, title


def test_each_can_be_imported(dashboards: dict[str, dict[str, Any]]) -> None:
    for dashboard in dashboards.values():
        assert dashboard["__inputs"][0]["pluginId"] == "influxdb"
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        assert all(panel["datasource"]["uid"] == "${DS_LOPHOC}" for panel in dashboard["panels"])
        assert not any(
            panel["fieldConfig"]["defaults"].get("custom", {}).get("spanNulls") for panel in dashboard["panels"]
        )
        assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]}) == len(
            dashboard["panels"]
        )
