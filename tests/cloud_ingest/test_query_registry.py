"""`lophoc registry` and `lophoc query --gaps`: what is searched is found, and what is missing is said."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest.query_cli import query, registry
from cloud_ingest.registry import Registry, beside
from cloud_ingest.sqlite_store import SqliteStore
from cloud_ingest.store import Portion

S = 1_000_000
MINUTE_US = 60 * S
CO2 = Series(Measurement.READING, "a101", "co2", "air", "co2_ppm")
INPUT = Series(Measurement.DEVICE, "a101", "projector", "projector", "input")


class Clock:
    def __init__(self, now_us: int) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def now() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def url(tmp_path: Path, now: int) -> str:
    """A room that has a gap of ten minutes since its gateway said goodbye, and one that nobody hears of."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    minutes = [n for n in range(60) if not 20 < n < 30]
    times = [now - 60 * MINUTE_US + n * MINUTE_US for n in minutes]
    portion = Portion("thcs", [Run(CO2, False, times, [1.0] * len(times)), Run(INPUT, False, [times[3]], ["hdmi1"])])
    store = SqliteStore(str(tmp_path / "store.sqlite"))
    store.open()
    store.write([portion])
    store.close()
    clock = Clock(now)
    with Registry(beside(url), clock_us=clock, flush_s=3600.0) as told:
        for minute, state in (
            (60, {"state": "online"}),
            (39, {"state": "off"}),
            (30, {"state": "online"}),
        ):
            clock.now_us = now - minute * MINUTE_US
            told.on_status(Address("thcs", "gw-1"), json.dumps({**state, "version": "1.4"}).encode())
        clock.now_us = now - S
        told.on_batch(Address("thcs", "gw-1"), portion)
        clock.now_us = now - 72 * 60 * MINUTE_US
        told.on_status(Address("thpt", "gw-9"), b'{"state": "offline", "version": "0.9"}')
    return url


def found(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(registry, arguments)


def test_gateways_as_json(url: str) -> None:
    gateways = found(asked("--store", url, "--json"))["gateways"]
    assert [(g["school"], g["gateway"], g["state"], g["version"], g["rooms"]) for g in gateways] == [
        ("thcs", "gw-1", "working", "1.4", ["a101"]),
        ("thpt", "gw-9", "unreachable", "0.9", []),
    ]
    assert (gateways[0]["points"], gateways[1]["last_batch"]) == (52, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--school", "thpt"), ["gw-9"]),
        (("--state", "working"), ["gw-1"]),
        (("--find", "A101"), ["gw-1"]),
        (("--find", "0.9"), ["gw-9"]),
        (("--find", "gw", "--state", "unreachable"), ["gw-9"]),
    ],
)
def test_gateways_are_searched(url: str, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert [g["gateway"] for g in found(asked("--store", url, "--json", *arguments))["gateways"]] == expected


def test_the_table_says_it_in_words(url: str) -> None:
    rows = [" ".join(line.split()) for line in asked("--store", url).output.splitlines()]
    assert rows[1].startswith("thcs gw-1 hoạt động / working")
    assert rows[1].endswith("1.4 a101")
    assert rows[2] == "thpt gw-9 mất liên lạc / unreachable 3 d 0.9"


def test_devices_of_a_school(url: str) -> None:
    devices = found(asked("--store", url, "--school", "thcs", "--devices", "--json"))["devices"]
    assert [(d["room"], d["device"], d["gateway"]) for d in devices] == [
        ("a101", "co2", "gw-1"),
        ("a101", "projector", "gw-1"),
    ]
    assert "projector" in asked("--store", url, "--school", "thcs", "--devices", "--find", "proj").output


@pytest.mark.parametrize("arguments", [("--find", "nothing"), ("--school", "none", "--devices")])
def test_nothing_found_is_exit_code_1(url: str, arguments: tuple[str, ...]) -> None:
    answer = asked("--store", url, *arguments)
    assert (answer.exit_code, "nothing was found" in answer.output) == (1, True)


def test_no_registry_is_exit_code_1(tmp_path: Path) -> None:
    answer = asked("--store", f"sqlite:///{tmp_path / 'none.sqlite'}")
    assert (answer.exit_code, "the registry cannot be read" in answer.output) == (1, True)


@pytest.mark.parametrize("arguments", [(), ("--devices", "--registry", "x"), ("--state", "sleepy", "--registry", "x")])
def test_wrong_use_of_registry_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert asked(*arguments).exit_code == 2


def gaps(*arguments: str) -> Result:
    return CliRunner().invoke(query, ("--room", "thcs/a101", "--gaps", *arguments))


def test_a_gap_has_its_times_and_the_reason_that_its_gateway_gave(url: str, now: int) -> None:
    report = found(gaps("--store", url, "--json"))
    series = {one["device"]: one for one in report["series"]}
    assert series["co2"]["gaps"] == [
        {"from": now - 40 * MINUTE_US, "to": now - 30 * MINUTE_US, "reason": "gateway off", "open": False}
    ]
    assert (series["co2"]["period_s"], series["co2"]["declared"], series["co2"]["missing_s"]) == (60.0, False, 600.0)
    assert (series["projector"]["period_s"], series["projector"]["gaps"]) == (None, [])
    assert series["co2"]["gateway"] == "gw-1"


def test_a_declared_period_shows_what_never_came(url: str) -> None:
    report = found(gaps("--store", url, "--json", "--period", "60s"))
    series = {one["device"]: one for one in report["series"]}
    assert series["projector"]["gaps"][0]["open"]
    assert series["projector"]["declared"]


def test_gaps_as_a_table(url: str) -> None:
    output = gaps("--store", url).output
    assert "gateway off" in output
    assert "no period" in output


def test_without_a_registry_gaps_have_no_reason(url: str) -> None:
    beside(url).unlink()
    report = found(gaps("--store", url, "--json"))
    assert [gap["reason"] for one in report["series"] for gap in one["gaps"]] == ["unknown"]


def test_a_registry_that_was_named_has_to_be_there(url: str, tmp_path: Path) -> None:
    answer = gaps("--store", url, "--registry", str(tmp_path / "none"))
    assert (answer.exit_code, "the registry cannot be read" in answer.output) == (1, True)


def test_gaps_of_an_unknown_room_are_exit_code_1(url: str) -> None:
    answer = CliRunner().invoke(query, ("--room", "thcs/a999", "--gaps", "--store", url))
    assert answer.exit_code == 1


@pytest.mark.parametrize(
    "arguments", [("--period", "10s"), ("--gaps", "--period", "0s"), ("--gaps", "--period", "often")]
)
def test_wrong_use_of_gaps_is_exit_code_2(url: str, arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(query, ("--room", "thcs/a101", "--store", url, *arguments)).exit_code == 2


def test_a_long_span_is_read_by_windows_and_says_how_exactly(tmp_path: Path, now: int) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    store = SqliteStore(str(tmp_path / "store.sqlite"))
    store.open()
    start = now - 86_000 * S
    times = [start + n * 2 * S for n in range(43_000) if not 10_000 <= n < 13_000]
    store.write([Portion("thcs", [Run(CO2, False, times, [1.0] * len(times))])])
    store.close()
    (one,) = found(gaps("--store", url, "--json"))["series"]
    assert one["resolution_s"] == 60.0
    (gap,) = one["gaps"]
    assert 5_800 * S < gap["to"] - gap["from"] <= 6_000 * S
