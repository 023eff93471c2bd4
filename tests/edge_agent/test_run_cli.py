"""`lophoc run`: what a technician sees of recorded runs, and the files that a spreadsheet and an analysis get."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from edge_agent.lab import RUNS
from edge_agent.recording import Recording
from edge_agent.run import About, Column, Ending, Note, Row, Run
from edge_agent.run_cli import FILE, run
from edge_agent.run_file import RunFile
from simulators.experiments import find
from simulators.lab.run import Run as Simulated
from simulators.lab.software import software

PENDULUM = find("pendulum").experiment


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A run of the pendulum whose length was turned, one of sensors, and a note."""
    made = Simulated(PENDULUM, {"release_angle_deg": 90}, seed=7)
    about = About(
        bench="b1", device="b1", experiment="pendulum", session="s", number=1, seed=7, rate_hz=20.0, simulated=True,
        software=software(), parameters=dict(made.settings.values),
    )  # fmt: skip
    columns = tuple(Column(one.name, one.unit) for one in PENDULUM.outputs)
    recording = Recording.of(Run("20260101t000000-aaaaaa", about, columns, 1_790_000_000_000_000))
    for n in range(100):
        if n == 40:
            made.set("length_m", 0.5)
            recording.turn(40, 0, "length_m", 0.5)
        sample = made.sample()
        recording.take(Row(n, 1_790_000_000_000_000 + n * 50_000, sample.t_s, tuple(sample.values.values())))
    recording.end(Ending.RESET, 1_790_000_005_000_000)
    sensors = Recording.of(Run("20260102t000000-bbbbbb", About(bench="b2", device=""), (Column("t_c", "°C"),), 2))
    sensors.take(Row(0, 5, 0.0, (float("nan"),)))
    file = RunFile(tmp_path / RUNS)
    for one in (recording, sensors):
        change = one.change()
        assert change is not None
        file.commit([change])
    file.note("20260101t000000-aaaaaa", Note(12, 5, "đi qua\nvị trí cân bằng"), 10)
    file.close()
    return tmp_path


PENDULUM_RUN, SENSORS_RUN = "20260101t000000-aaaaaa", "20260102t000000-bbbbbb"


def lophoc_run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(run, [arguments[0], "--data", str(data), *arguments[1:]])


def test_the_agent_and_the_command_mean_the_same_file() -> None:
    assert FILE == RUNS


def test_runs_are_listed_and_shown_with_what_is_simulated(data: Path) -> None:
    listed = lophoc_run(data, "list").output.splitlines()
    assert [line.split()[0] for line in listed] == [PENDULUM_RUN, SENSORS_RUN]
    assert "mô phỏng / simulated" in listed[0]
    assert "simulated" not in listed[1]
    (only,) = [json.loads(line) for line in lophoc_run(data, "list", "--bench", "b2", "--json").output.splitlines()]
    assert (only["id"], only["simulated"], only["ending"]) == (SENSORS_RUN, False, None)
    shown = json.loads(lophoc_run(data, "show", PENDULUM_RUN, "--json").output)
    assert shown["seed"] == 7
    assert shown["turned"] == [{"n": 40, "name": "length_m", "value": 0.5}]
    assert shown["notes"] == [{"n": 12, "text": "đi qua\nvị trí cân bằng"}]
    assert "seed: 7" in lophoc_run(data, "show", PENDULUM_RUN).output


@pytest.mark.parametrize("what", ["show", "export", "repeat"])
def test_an_unknown_run_is_named(data: Path, what: str) -> None:
    came = lophoc_run(data, what, "none")
    assert (came.exit_code, came.output.strip()) == (1, "Error: there is no run none")


def test_csv_has_units_seed_and_every_bit(data: Path) -> None:
    out = data / "run.csv"
    assert lophoc_run(data, "export", PENDULUM_RUN, "--out", str(out)).exit_code == 0
    assert out.read_bytes().startswith(b"\xef\xbb\xbf# id: "), "a mark by which Excel knows UTF-8"
    lines = out.read_text(encoding="utf-8-sig").splitlines()
    about = [line for line in lines if line.startswith("# ")]
    assert "# seed: 7" in about
    assert "# note at n = 12: đi qua vị trí cân bằng" in about
    heading, *rows = csv.reader(line for line in lines if not line.startswith("#"))
    assert heading == [
        "n", "time [UTC]", "t_s [s]", "angle_deg [°]", "velocity_deg_s [°/s]", "tension_n [N]", "turned",
    ]  # fmt: skip
    assert len(rows) == 100
    assert [row[-1] for row in rows if row[-1]] == ["length_m=0.5"]
    made = Simulated(PENDULUM, {"release_angle_deg": 90}, seed=7)
    assert [float(cell) for cell in rows[0][3:6]] == list(made.sample().values.values())
    sensors = lophoc_run(data, "export", SENSORS_RUN).output.splitlines()
    assert sensors[-1] == "0,1970-01-01T00:00:00.000Z,0.0,,"


def test_parquet_has_units_in_its_fields_and_all_else_in_its_file(data: Path) -> None:
    out = data / "run.parquet"
    assert lophoc_run(data, "export", PENDULUM_RUN, "--out", str(out)).exit_code == 0
    table = pq.read_table(out)
    assert table.num_rows == 100
    assert table.schema.field("angle_deg").metadata == {b"unit": "°".encode()}
    about = json.loads(table.schema.metadata[b"lophoc.run"])
    assert (about["seed"], about["simulated"], about["software"]) == (7, True, software())
    made = Simulated(PENDULUM, {"release_angle_deg": 90}, seed=7)
    first = made.sample()
    assert [table[name][0].as_py() for name in first.values] == list(first.values.values())
    assert table["turned"].to_pylist().count("length_m=0.5") == 1
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    empty = data / "sensors.parquet"
    assert lophoc_run(data, "export", SENSORS_RUN, "--out", str(empty)).exit_code == 0
    assert pq.read_table(empty)["t_c"].to_pylist() == [None]


def test_parquet_to_standard_output_is_wrong_use(data: Path) -> None:
    assert lophoc_run(data, "export", PENDULUM_RUN, "--format", "parquet").exit_code == 2


def test_where_nothing_can_be_written_it_says_so(data: Path) -> None:
    came = lophoc_run(data, "export", PENDULUM_RUN, "--out", str(data / "none" / "run.csv"))
    assert came.exit_code == 1
    assert "cannot be written" in came.output


def test_repeat_compares_every_bit_with_the_simulator(data: Path) -> None:
    came = lophoc_run(data, "repeat", PENDULUM_RUN, "--json")
    assert (came.exit_code, json.loads(came.output)) == (0, {"compared": 100, "differing": 0, "first_n": None})
    assert "samples, the same to the bit" in lophoc_run(data, "repeat", PENDULUM_RUN).output
    sensors = lophoc_run(data, "repeat", SENSORS_RUN)
    assert (sensors.exit_code, "no simulation" in sensors.output) == (1, True)
