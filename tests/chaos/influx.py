"""The store of the chaos run: a real InfluxDB 1.6.7, asked by InfluxQL for everything that it has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.account import Row, Tags
from tests.chaos.series import number_of
from tests.servers import InfluxDB

_DATABASE = "chaos"


class InfluxStore(InfluxDB):
    name = "influx1"

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        super().__init__(directory)
        self.url = f"influx1://{self.address}/{_DATABASE}"

    def read(self) -> dict[Tags, list[Row]]:
        """Every series with its points, by time."""
        found: dict[Tags, list[Row]] = {}
        with httpx.Client(base_url=f"http://{self.address}", trust_env=False, timeout=60.0) as client:
            for series in _ask(client, "SELECT * FROM /.*/ GROUP BY *"):
                tags = series["tags"]
                key = (series["name"], tags["school"], tags["room"], tags["device"], tags["role"], tags["metric"])
                found[key] = list(_rows(series["columns"], series["values"]))
        return found


def _ask(client: httpx.Client, question: str) -> list[dict[str, Any]]:
    answer = client.get("/query", params={"db": _DATABASE, "epoch": "u", "q": question}).raise_for_status().json()
    found: list[dict[str, Any]] = answer["results"][0].get("series", [])
    return found


def _rows(columns: list[str], values: list[list[Any]]) -> Iterator[Row]:
    for row in values:
        fields = dict(zip(columns, row, strict=True))
        yield fields["time"], number_of(fields.get("text") if fields.get("value") is None else fields["value"])
