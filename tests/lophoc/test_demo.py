"""`lophoc demo` as a user starts it: the whole main job, in processes of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from click.testing import CliRunner

from lophoc.demo import _program, demo
from tests.cloud_ingest.api.put_forward import PROFILE
from tests.lophoc.processes import left_of
from tests.servers import InfluxDB
from tests.waiting import until

DEMO = [sys.executable, "-m", "lophoc", "demo", "--port", "0"]
QUICK = ["--warm-up", "0.5"]


def check(*more: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON object of the last line, all that was said."""
    done = subprocess.run(
        [*DEMO, *QUICK, "--check", "--json", *more],
        capture_output=True, text=True, timeout=110, env={**os.environ, **environment},
    )  # fmt: skip
    said = done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), said


@pytest.mark.timeout(120)
def test_a_lesson_reaches_ready_and_every_point_the_store(tmp_path: Path) -> None:
    code, outcome, said = check(HOME=str(tmp_path), XDG_STATE_HOME="")
    assert (code, outcome["problems"]) == (0, []), said
    assert outcome["lesson"]["state"] == "ready"
    assert {step["state"] for step in outcome["lesson"]["steps"]} <= {"done", "already"}
    assert outcome["points_stored"] >= outcome["points_acked"] > 20
    assert not list(tmp_path.iterdir()), "it left something in the user's home"


@pytest.mark.timeout(120)
def test_a_projector_that_refuses_is_named_and_nothing_is_called_ready() -> None:
    code, outcome, said = check("--fault", "projector=refuse")
    assert code == 1
    assert outcome["lesson"]["state"] == "failed"
    assert any(problem.startswith("projector: power: ") for problem in outcome["problems"]), said
    assert not [s for s in outcome["lesson"]["steps"] if s["state"] == "done"], "what was done was not put back"


@pytest.mark.timeout(120)
def test_a_projector_whose_lamp_has_failed_is_named_and_nothing_has_moved() -> None:
    """It turns on as it is told, by its own word."""
    code, outcome, said = check("--fault", "projector=lamp")
    assert code == 1
    assert outcome["lesson"]["state"] == "blocked", said
    assert any(re.match(r"projector: power: fault.*lamp", problem) for problem in outcome["problems"]), said
    assert not [s for s in outcome["lesson"]["steps"] if s["state"] == "done"]


@pytest.mark.timeout(120)
def test_an_optional_device_that_fails_is_named_and_the_lesson_is_ready() -> None:
    code, outcome, said = check("--fault", "kit-01=garbage", "--fault", "board-light=refuse")
    assert code == 1
    assert outcome["lesson"]["state"] == "ready", said
    named = {problem.partition(":")[0] for problem in outcome["problems"]}
    assert named == {"board-light", "kit-01"}


@pytest.mark.timeout(120)
def test_it_needs_no_broker_but_the_one_from_the_wheel() -> None:
    code, outcome, said = check(LOPHOC_DEMO_BROKER="iotcore")
    assert (code, outcome["problems"]) == (0, []), said


@pytest.mark.timeout(120)
def test_it_takes_a_store_of_yours(influxdb: InfluxDB) -> None:
    code, outcome, said = check("--store", f"influx1://{influxdb.address}/demo")
    assert (code, outcome["problems"]) == (0, []), said
    counted = httpx.get(
        f"http://{influxdb.address}/query",
        params={"db": "demo", "q": "SELECT count(text) FROM lesson"},
        trust_env=False,
    )
    assert "series" in counted.json()["results"][0]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A demo that is ready, and its panel's address."""
    with started(tmp_path) as made:
        yield made


@contextlib.contextmanager
def started(tmp_path: Path, *more: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    with (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(
            [*DEMO, *QUICK, *more, "--data", str(tmp_path / "data")], stdout=said, stderr=said, text=True
        )
        try:
            until = time.monotonic() + 60
            while not (found := re.search(r"Panel: +(http://\S+)(?s:.*)Ctrl-C", (tmp_path / "said").read_text())):
                assert process.poll() is None, (tmp_path / "said").read_text()
                assert time.monotonic() < until, (tmp_path / "said").read_text()
                time.sleep(0.05)
            yield process, found[1]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_leaves_nothing_running(
    running: tuple["subprocess.Popen[str]", str], number: signal.Signals
) -> None:
    process, panel = running
    room = httpx.get(f"{panel}/api/room", trust_env=False).json()
    assert room["simulated"]
    assert all(device["simulated"] for device in room["devices"])
    parts = psutil.Process(process.pid).children(recursive=True)
    assert len(parts) >= 6
    process.send_signal(number)
    process.wait(30)
    assert left_of(parts) == []


@pytest.mark.timeout(120)
def test_the_operations_centre_beside_it_shows_the_school_and_publishes_to_its_room(tmp_path: Path) -> None:
    with started(tmp_path, "--ops") as (_, _):
        said = (tmp_path / "said").read_text()
        url = re.search(r"Operations centre: +(http://\S+)", said)
        account = re.search(r"name: +(\S+) +mật khẩu / password: +(\S+)", said)
        assert url, said
        assert account, said
        with httpx.Client(base_url=url[1], trust_env=False, timeout=30) as client:
            log_in = client.post("/auth/login", json={"name": account[1], "password": account[2]})
            assert log_in.status_code == 204
            until(lambda: client.get("/api/v1/gateways").json()["items"] != [])
            schools = client.get("/api/v1/schools").json()["items"]
            assert [(one["school"], one["ward"]) for one in schools] == [("thcs-nguyen-du", "Phường Bến Thành")]
            text = PROFILE.format(version=1, level=60)
            assert client.post("/api/v1/catalogue/profiles", json={"text": text}).status_code == 201
            until(lambda: [one["applied"] for one in client.get("/api/v1/catalogue/progress").json()["items"]] == [1])
    logs = "".join(path.read_text(errors="replace") for path in (tmp_path / "data").glob("*.log"))
    assert account[2] not in logs


def test_without_the_operations_centre_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lophoc.ops_part._NEEDED", ("nicegui", "no_such_package"))
    result = CliRunner().invoke(demo, ["--ops"])
    assert result.exit_code == 1
    assert "pip install 'lophoc[ops]'" in result.output


@pytest.mark.timeout(120)
def test_a_part_that_dies_ends_the_demo_and_is_named(running: tuple["subprocess.Popen[str]", str]) -> None:
    process, _ = running
    agent = next(p for p in psutil.Process(process.pid).children() if "agent" in p.cmdline())
    agent.kill()
    assert process.wait(30) == 1


def test_a_lesson_that_does_not_end_names_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lophoc.check._LESSON_S", 3.0)
    result = CliRunner().invoke(demo, ["--check", "--port", "0", "--fault", "projector=stuck-warming"])
    assert result.exit_code == 1
    assert "projector: power: still running" in result.output


def test_what_it_says_to_type_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`scripts/demo` puts no `lophoc` on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert os.access(_program(), os.X_OK)


WRONG = [
    (["--fault", "projector"], "'projector' is not DEVICE=FAULT"),
    (["--fault", "prjector=refuse"], "no device 'prjector'; the demo's room has: projector, "),
    (["--fault", "projector=fly"], "fly"),
    (["--fault", "lights=fly"], "fly"),
    (["--store", "foo://"], "'foo' is no store known here"),
    (["--profile", "lectur"], "'lecture'"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_wrong_use_is_answered_with_what_would_be_right(options: list[str], words: str) -> None:
    result = CliRunner().invoke(demo, ["--check", *options])
    assert result.exit_code == 2
    assert words in result.output
