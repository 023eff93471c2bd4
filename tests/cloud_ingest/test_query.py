"""`lophoc query`: what a technician sees, what a script reads, and what both are told when there is nothing."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from classroom_profiles.capability import Value
from classroom_profiles.metrics import unit
from classroom_profiles.telemetry import Measurement, Run, Series
from cloud_ingest.query import seconds, table
from cloud_ingest.query_cli import query
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion, Stored
from tests.cloud_ingest.victoria import victoria_metrics

NOW = time.time_ns() // 1000
HOUR_US = 3_600_000_000


@pytest.fixture
def now_us() -> int:
    """Of this test: ages are told in minutes, and the suite takes some."""
    return time.time_ns() // 1000


@pytest.fixture
def url(tmp_path: Path, now_us: int) -> str:
    store = SqliteStore(str(tmp_path / "store.sqlite"))
    store.open()
    store.write(
        [
            Portion(
                "thcs",
                [
                    run("co2", "co2_ppm", {now_us - 2 * HOUR_US: 400.0, now_us - HOUR_US // 6: 412.5}),
                    run("fan", "switch", {now_us - 5 * HOUR_US: True}, simulated=True),
                    run("projector", "input", {now_us - HOUR_US // 3: "hdmi1"}),
                ],
            )
        ]
    )
    store.close()
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


def run(device: str, metric: str, values: dict[int, Value], *, simulated: bool = False) -> Run:
    series = Series(Measurement.READING, "a101", device, "sensor", metric)
    return Run(series, simulated, [*values], [*values.values()])


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(query, arguments)


def test_the_table_has_value_unit_age_and_a_mark_on_what_was_simulated(url: str) -> None:
    answer = asked("--store", url, "--room", "thcs/a101", "--count")
    assert answer.exit_code == 0
    rows = [" ".join(line.split()) for line in answer.output.splitlines()]
    assert rows[1:] == [
        "co2 co2_ppm 412.5 ppm 10 min",
        "fan switch bật / on 5 h mô phỏng / simulated",
        "projector input hdmi1 20 min",
        "4 điểm đo / points",
    ]


def test_json_is_for_scripts(url: str, now_us: int) -> None:
    answer = asked("--store", url, "--room", "thcs/a101", "--json", "--count")
    found = json.loads(answer.output)
    assert (found["school"], found["room"], found["count"]) == ("thcs", "a101", 4)
    assert found["readings"][1] == {
        "measurement": "reading", "device": "fan", "role": "sensor", "metric": "switch", "value": True,
        "time": now_us - 5 * HOUR_US, "simulated": True,
    }  # fmt: skip


def test_since_leaves_out_what_is_older(url: str) -> None:
    answer = asked("--store", url, "--room", "thcs/a101", "--since", "1h", "--json", "--count")
    found = json.loads(answer.output)
    assert ([r["device"] for r in found["readings"]], found["count"]) == (["co2", "projector"], 2)


def test_count_is_there_only_if_it_was_asked_for(url: str) -> None:
    assert "count" not in json.loads(asked("--store", url, "--room", "thcs/a101", "--json").output)


def test_nothing_found_is_exit_code_1(url: str) -> None:
    answer = asked("--store", url, "--room", "thcs/a999")
    assert (answer.exit_code, "there are no readings of thcs/a999" in answer.output) == (1, True)


@pytest.mark.parametrize(
    "store",
    ["sqlite:///no-such.sqlite", "influx1://127.0.0.1:1/lophoc", "influx2+http://127.0.0.1:1/city/lophoc"],
)
def test_a_store_that_is_away_is_exit_code_1(store: str) -> None:
    answer = asked("--store", store, "--room", "thcs/a101")
    assert (answer.exit_code, "the store cannot be read" in answer.output) == (1, True)
    assert "Traceback" not in answer.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--store", "sqlite:///x", "--room", "a101"),
        ("--store", "sqlite:///x", "--room", "thcs/a101/b"),
        ("--store", "sqlite:///x", "--room", "thcs/a' OR 1=1"),
        ("--store", "sqlite:///x", "--room", "thcs/a101", "--since", "yesterday"),
        ("--store", "mysql://x", "--room", "thcs/a101"),
        ("--room", "thcs/a101"),
    ],
)
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert asked(*arguments).exit_code == 2


def test_victoria_metrics_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    with victoria_metrics(tmp_path) as address:
        answer = asked("--store", f"influx2+http://{address}/city/lophoc", "--room", "thcs/a101")
    assert (answer.exit_code, "VictoriaMetrics does not speak it" in answer.output) == (1, True)


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("5m", 300), ("1h", 3600), ("2d", 172_800)])
def test_a_time_is_a_number_and_a_letter(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("temperature_c", "°C"), ("illuminance_lux", "lx"), ("co2_ppm", "ppm"), ("switch", ""), ("c", ""), ("a_b", "")],
)
def test_a_unit_is_the_end_of_a_name(metric: str, expected: str) -> None:
    assert unit(metric) == expected


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(0, "0 s"), (119, "119 s"), (600, "10 min"), (86_400, "24 h"), (864_000, "10 d"), (-5, "future")],
)
def test_an_age_has_one_unit(age_s: int, expected: str) -> None:
    stored = Stored(Measurement.READING, "co2", "air", "co2_ppm", 1.0, NOW - age_s * 1_000_000, False, "a101")
    assert expected in table([stored], NOW)[1]
