"""`lophoc sim experiment`: prints runs that repeat, lists and explains, serves benches, and says what is wrong."""

import asyncio
import json
import math
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from scipy.special import ellipk

from simulators import experiments
from simulators.cli import sim
from tests.simulators.lab.test_served_bench import Client
from tests.simulators.test_cli import process, stopped


def call(*arguments: str) -> Result:
    return CliRunner().invoke(sim, ["experiment", *arguments])


def samples(*arguments: str) -> list[dict[str, Any]]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_every_option_explains_itself() -> None:
    command = sim.get_command(click.Context(sim), "experiment")
    assert command is not None
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_json_is_one_object_a_sample_with_units_in_the_names() -> None:
    printed = samples("pendulum", "--seconds", "0.1", "--speed", "0")
    assert [one["t_s"] for one in printed] == [0.0, 0.05, 0.1]
    assert list(printed[0]) == ["t_s", "angle_deg", "velocity_deg_s", "tension_n"]
    assert printed[0]["angle_deg"] == pytest.approx(40, abs=0.5)


def test_the_period_at_90_degrees_can_be_read_from_the_printed_run_within_0_1_percent() -> None:
    printed = samples("pendulum", "--set", "release_angle_deg=90", "--seconds", "60", "--speed", "0")
    falls = [
        one["t_s"] + 0.05 * one["angle_deg"] / (one["angle_deg"] - after["angle_deg"])
        for one, after in pairwise(printed)
        if one["angle_deg"] > 0 >= after["angle_deg"]
    ]
    period_s = (falls[-1] - falls[0]) / (len(falls) - 1)
    assert period_s == pytest.approx(4 * math.sqrt(1 / 9.80665) * ellipk(0.5), rel=1e-3)


def test_the_same_seed_prints_the_same_bytes_at_any_speed() -> None:
    common = ("radioactive-decay", "--json", "--seed", "7", "--seconds", "2", "--change", "1:efficiency_pct=50")
    at_once, hurried, other = (
        call(*common, "--speed", "0").output,
        call(*common, "--speed", "50").output,
        call(*common, "--speed", "0", "--seed", "8").output,
    )
    assert at_once == hurried != other
    assert len(at_once.splitlines()) == 41


def test_a_change_counts_after_its_time_as_it_does_at_a_bench() -> None:
    plain, turned = (
        samples("rc-circuit", "--ideal", "--seconds", "2", "--speed", "0", *more)
        for more in ((), ("--change", "1:switch=discharge"))
    )
    assert plain[:21] == turned[:21]
    assert all(one["current_ma"] < 0 for one in turned[22:])


def test_an_experiment_with_a_time_of_its_own_tells_it() -> None:
    assert samples("climate", "--seconds", "1", "--rate", "2", "--speed", "0")[-1]["time_year"] == 1.0


def test_the_table_has_a_heading_in_vietnamese_first_and_says_that_it_is_simulated() -> None:
    lines = call("titration", "--seconds", "0.1", "--speed", "0", "--set", "analyte=weak").output.splitlines()
    assert lines[0] == "Chuẩn độ acid - base / Acid-base titration (mô phỏng / simulated)"
    assert "analyte = weak" in lines[1]
    assert lines[3].split() == ["t_s", "added_ml", "ph"]
    assert len(lines) == 4 + 3


def test_the_list_names_all_and_as_json_describes_them() -> None:
    listed = call("--list").output
    assert all(f"{name} " in listed for name in experiments.names())
    described = json.loads(call("--list", "--json").output)
    assert [one["experiment"] for one in described] == experiments.names()
    assert all(one["simulated"] for one in described)


@pytest.mark.parametrize("name", experiments.names())
def test_each_explains_itself_with_equations_source_and_ranges(name: str) -> None:
    told = call(name, "--show").output
    found = experiments.find(name)
    for words in (found.experiment.vi, "Equations:", "Source:", *(one.right for one in found.experiment.parameters)):
        assert words in told


def test_a_teachers_own_file_runs_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "own_pendulum.py"
    file.write_text(Path(experiments.__path__[0], "pendulum.py").read_text())
    assert samples(str(file), "--seconds", "1", "--speed", "0") == samples("pendulum", "--seconds", "1", "--speed", "0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pendulum", "--set", "length_m=30"], "length_m is a number from 0.1 to 10 m, not '30'"),
        (["pendulum", "--set", "length_m=long"], "length_m is a number from 0.1 to 10 m, not 'long'"),
        (["pendulum", "--set", "length_m=nan"], "length_m is a number from 0.1 to 10 m, not 'nan'"),
        (["pendulum", "--set", "lenght_m=1"], "there is no parameter 'lenght_m'; did you mean length_m?"),
        (["pendulum", "--set", "length_m"], "'length_m' is not NAME=VALUE"),
        (["titration", "--set", "analyte=wine"], "analyte is one of hydrochloric, acetic"),
        (["pendulum", "--change", "soon:length_m=1"], "'soon:length_m=1' is not T:NAME=VALUE"),
        (["pendulum", "--change", "1:length_m=99"], "length_m is a number from 0.1 to 10 m, not '99'"),
        (["pendulums"], "there is no experiment 'pendulums'; there are: "),
        (["nowhere.py"], "there is no file nowhere.py"),
        ([], "which experiment?"),
        (["pendulum", "spring"], "need --port"),
        (["pendulum", "--speed", "-1"], "above 0"),
        (["pendulum", "--speed", "0", "--port", "0"], "above 0"),
        (["pendulum", "--seed", "-1"], "x>=0"),
        (["pendulum", "--port", "0", "--change", "1:length_m=2"], "--change is for printed runs"),
        (["pendulum", "--port", "0", "--fault", "explode"], "'explode' is not one of silent, garbage"),
        (["pendulum", "spring", "--port", "65535"], "there are no 2 ports from 65535 on"),
    ],
)
def test_wrong_use_exits_2_and_says_what_would_be_right(arguments: list[str], words: str) -> None:
    result = call(*arguments, "--seconds", "0")
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.split())


async def test_several_benches_are_served_by_one_process_and_it_ends_when_it_is_asked() -> None:
    arguments = ("experiment", "pendulum", "radioactive-decay", "--port", "0", "--speed", "20")
    async with process(*arguments) as (running, addresses):
        told = []
        for address in addresses.split():
            host, _, port = address.partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            lab = Client(reader, writer)
            async with asyncio.timeout(20):
                await lab.ask("stream")
                await lab.ask("start")
                told.append((await lab.until_samples(5))[4])
            writer.close()
            await writer.wait_closed()
        assert [list(one)[3] for one in told] == ["angle_deg", "nuclei"]
        assert await stopped(running, signal.SIGTERM) == (0, b"")


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as taken:
        port = taken.sockets[0].getsockname()[1]
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from simulators.cli import sim; sim()"),
            *("experiment", "pendulum", "--port", str(port)),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await running.communicate()
    assert (running.returncode, out) == (1, b"")
    assert b"in use" in errors
