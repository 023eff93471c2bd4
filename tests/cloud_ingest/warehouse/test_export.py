"""The nightly export: read back by somebody else's reader, whole or not there, and the same figures as the store."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner

from classroom_profiles.topics import Address
from cloud_ingest.registry import Registry, made_beside
from cloud_ingest.store import store_of
from cloud_ingest.warehouse import export
from cloud_ingest.warehouse.cli import warehouse
from tests.cloud_ingest.warehouse.conftest import DAY, MIDNIGHT_US, S, days_later, room_portion


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """Two schools; one of them with half an hour before the day and after it, which are other days'."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}?raw_days=36000&five_minute_days=36000&hour_days=36500"
    portions = {
        "le-loi": [room_portion("le-loi", MIDNIGHT_US - 1800 * S, 1500), room_portion("le-loi", MIDNIGHT_US, 60, "b2")],
        "nguyen-du": [room_portion("nguyen-du", MIDNIGHT_US + 3600 * S, 10)],
    }
    store = store_of(url)
    store.open()
    with Registry(made_beside(url)) as registry:
        for school, those in portions.items():
            store.write(those)
            for one in those:
                registry.on_batch(Address(school, "gw"), one)
    store.close()
    return url


def run(*words: str) -> str:
    done = CliRunner().invoke(warehouse, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_day_is_read_back_by_schools_days_and_rooms(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = run("export", "--out", str(out), "--day", str(DAY), "--store", store_url)
    assert "2 trường / schools" in shown
    windows = ds.dataset(out / "windows", partitioning="hive").to_table()
    assert set(windows.column("school").to_pylist()) == {"le-loi", "nguyen-du"}
    rows = windows.filter((ds.field("metric") == "co2_ppm") & (ds.field("room") == "a101")).to_pylist()
    of_school = [row for row in rows if row["school"] == "le-loi"]
    assert len(of_school) == 288  # a whole day of five minutes, and nothing of its neighbours
    assert of_school[0]["start"] == datetime(2026, 11, 22, 17, tzinfo=UTC)
    assert {(row["count"], row["unit"]) for row in of_school} == {(5, "ppm")}
    assert of_school[0]["minimum"] <= of_school[0]["mean"] <= of_school[0]["maximum"]
    assert len(rows) - len(of_school) == 2  # ten minutes: what was not measured has no row
    points = ds.dataset(out / "points", partitioning="hive").to_table().to_pylist()
    assert {row["text"] for row in points if row["metric"] == "state"} == {"ready"}
    assert {row["flag"] for row in points if row["metric"] == "power"} == {True}
    assert {row["value"] for row in points if row["metric"] == "ready_s"} == {4.5}
    assert all(row["simulated"] for row in points)
    manifest = json.loads((out / "manifests" / f"day={DAY}.json").read_text())
    assert (manifest["schools"], manifest["rows"], len(manifest["files"])) == (2, len(windows) + len(points), 4)
    says = {column["name"]: column["says"] for column in manifest["tables"]["windows"]}
    assert says["last"] == "the last value; null for words"
    assert run("check", "--out", str(out), "--day", str(DAY)) == f"{DAY}: đúng / holds\n"


def test_what_came_late_is_in_it_the_next_time(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ("export", "--out", str(out), "--day", str(days_later(1)), "--days", "2", "--store", store_url)
    run(*asked)
    before = json.loads((out / "manifests" / f"day={DAY}.json").read_text())
    store = store_of(store_url)
    store.open()
    store.write([room_portion("nguyen-du", MIDNIGHT_US + 7200 * S, 10)])
    store.close()
    run(*asked)
    after = json.loads((out / "manifests" / f"day={DAY}.json").read_text())
    assert after["rows"] > before["rows"]
    same = {one["path"]: one["sha256"] for one in before["files"] if one["school"] == "le-loi"}
    assert same == {one["path"]: one["sha256"] for one in after["files"] if one["school"] == "le-loi"}


def test_a_file_that_was_changed_or_lost_is_found(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("export", "--out", str(out), "--day", str(DAY), "--store", store_url)
    files = sorted((out / "windows").rglob("*.parquet"))
    files[0].write_bytes(files[0].read_bytes()[:-1] + b"x")
    files[1].unlink()
    assert len(export.check(out, DAY)) == 2
    wrong = CliRunner().invoke(warehouse, ["check", "--out", str(out), "--day", str(DAY)])
    assert (wrong.exit_code, "has other bytes" in wrong.output) == (1, True)
    assert CliRunner().invoke(warehouse, ["check", "--out", str(out), "--day", str(days_later(5))]).exit_code == 1


def test_a_day_that_could_not_be_written_has_no_manifest(store_url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "windows").write_text("in the way")
    failed = CliRunner().invoke(warehouse, ["export", "--out", str(out), "--day", str(DAY), "--store", store_url])
    assert failed.exit_code == 1
    assert not (out / "manifests").exists()
    assert not list(out.rglob("*.part"))


def test_a_school_alone_writes_no_manifest(store_url: str, tmp_path: Path) -> None:
    run("export", "--out", str(tmp_path), "--day", str(DAY), "--store", store_url, "--school", "le-loi")
    assert not (tmp_path / "manifests").exists()
    assert len(list(tmp_path.rglob("part-0.parquet"))) == 2


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert CliRunner().invoke(warehouse, ["export", *out, "--store", "x://"]).exit_code == 2
    assert CliRunner().invoke(warehouse, ["export", *out, "--store", f"sqlite:///{tmp_path}/no"]).exit_code == 1


def test_a_day_in_vietnam_is_no_day_of_utc() -> None:
    assert export.span_of(DAY).since_us == MIDNIGHT_US
    assert time.gmtime(export.span_of(DAY).since_us // S).tm_hour == 17
