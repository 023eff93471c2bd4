"""`lophoc ops` as it really runs: a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from cloud_ingest.operations.cli import ops as command
from tests.cloud_ingest.operations.a_city import a_place, two_schools

PASSWORD = "mot hai ba bon nam"


class Ops:
    """One that is ready; and the folder that it works in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                lophoc(*self.arguments), stdout=subprocess.PIPE, stderr=log, env=_environment(folder)
            )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline().decode()
        assert self.line.startswith("ready http://127.0.0.1:"), self.log.read_text()
        self.url = self.line.split()[1]

    @property
    def arguments(self) -> list[str]:
        schools = self.folder / "schools.csv"
        schools.write_text(
            "school,name,ward,latitude,longitude,level\nthcs-a,THCS A,Phường 1,10.7,106.7,thcs\n", "utf-8"
        )
        store = f"sqlite:///{self.folder}/store.sqlite"
        return [
            "ops", "--store", store, "--registry", str(self.folder / "registry.sqlite"), "--data",
            str(self.folder / "data"), "--schools", str(schools), "--port", "0",
        ]  # fmt: skip


def lophoc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lophoc", *arguments]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", "XDG_STATE_HOME": str(folder / "state")}


def run(*arguments: str, given: str = "") -> Result:
    """In this process, since that is quicker."""
    return CliRunner().invoke(command, list(arguments), input=given)


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    folder = tmp_path_factory.mktemp("ops")
    with a_place(folder) as place:
        two_schools(place)
    added = run(
        "account", "add", "--data", str(folder / "data"), "--role", "admin", "--from-stdin", "lan",
        given=f"{PASSWORD}\n",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    made = Ops(folder)
    try:
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            made.process.kill()
        made.process.wait(30)
        assert made.process.stdout is not None
        made.process.stdout.close()


def test_lets_the_first_admin_in_and_shows_them_the_city(ops: Ops) -> None:
    with httpx.Client(base_url=ops.url, trust_env=False) as client:
        assert client.get("/api/v1/schools").status_code == 401
        assert client.post("/auth/login", json={"name": "lan", "password": PASSWORD}).status_code == 204
        schools = client.get("/api/v1/schools").json()["items"]
        page = client.get("/api/v1/openapi.json").json()
    assert {row["school"]: row["name"] for row in schools} == {
        "thcs-a": "THCS A", "thcs-b": "thcs-b", "thpt-z": "thpt-z",
    }  # fmt: skip
    assert page["openapi"] == "3.1.0"


def test_tells_browsers_what_not_to_do(ops: Ops) -> None:
    with httpx.Client(base_url=ops.url, trust_env=False) as client:
        for path in ("/api/v1/schools", "/no-such-page"):
            headers = client.get(path).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert "server" not in headers
        assert client.get("/api/v1/schools").headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_streams_what_is_new_until_the_listener_leaves(ops: Ops) -> None:
    with httpx.Client(base_url=ops.url, trust_env=False) as client:
        assert client.post("/auth/login", json={"name": "lan", "password": PASSWORD}).status_code == 204
        for path in ("/api/v1/schools/thcs-a/rooms/a101/stream", "/api/v1/stream"):
            with client.stream("GET", path) as answer:
                lines = answer.iter_lines()
                assert next(line for line in lines if line.startswith("event:")) in ("event: values", "event: ready")
        assert client.get("/api/v1/about").status_code == 200
    assert "Traceback" not in ops.log.read_text()


def test_takes_no_request_without_end(ops: Ops) -> None:
    with httpx.Client(base_url=ops.url, trust_env=False) as client:
        answer = client.post("/auth/login", content=b"x" * 2_000_000, headers={"Content-Type": "application/json"})
        in_parts = client.post("/auth/login", content=(b"x" * 100_000 for _ in range(20)))
    assert [answer.status_code, in_parts.status_code] == [413, 413]


def test_there_is_one_in_a_folder_and_its_files_are_its_owners(ops: Ops) -> None:
    second = run(*ops.arguments[1:])
    assert second.exit_code == 1
    assert "another lophoc ops works in" in second.output
    for file in (ops.folder / "data").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_ends_when_asked_to(ops: Ops) -> None:
    """The last of them: it ends the process of all."""
    ops.process.send_signal(signal.SIGTERM)
    assert ops.process.wait(30) == 0
    assert "Traceback" not in ops.log.read_text()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ([], 2, "Missing option '--store'"),
        (["--store", "oracle://x"], 2, "is no store known here"),
        (["--store", "sqlite:///{}/none.sqlite", "--broker", "http://x"], 2, "write the broker as mqtt://host:1883"),
        (["--store", "sqlite:///{}/none.sqlite"], 1, "the store cannot be read"),
        (["--store", "sqlite:///{}/none.sqlite", "--oidc-issuer", "https://id"], 2, "go together"),
    ],
)
def test_says_what_is_wrong_with_the_command(tmp_path: Path, more: list[str], code: int, said: str) -> None:
    arguments = [each.format(tmp_path) for each in more]
    ended = run(*arguments, "--data", str(tmp_path / "data"), "--port", "0")
    assert ended.exit_code == code
    assert said in ended.output
