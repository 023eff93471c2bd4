"""`lophoc agent` used wrongly: what is wrong is said in one line, and the exit code says whose turn it is."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import agent
from tests.edge_agent.agent_process import clean

ROOM = """\
school: thcs-thu
room: b1
name: {vi: Phòng thử, en: Trial room}
devices:
  - {id: projector, role: projector, driver: pjlink, options: {host: 127.0.0.1}}
"""
PROFILE = """\
id: dark
name: {vi: Tối, en: Dark}
description: {vi: Tối, en: Dark}
steps:
  - {role: lights, set: {level: 200}}
"""


@pytest.fixture
def room(tmp_path: Path) -> Path:
    path = tmp_path / "room.yaml"
    path.write_text(ROOM, encoding="utf-8")
    return path


def said(room: Path, *more: str, **environment: str) -> tuple[int, str]:
    """Exit code and what was said, of what is found wrong before anything begins."""
    given = ["--config", str(room), "--data", str(room.parent / "data"), *more]
    done = CliRunner().invoke(agent, given, env={"LOPHOC_TEACHER_PIN": None, **environment})
    assert not (room.parent / "data").exists(), "nothing was begun"
    return done.exit_code, done.output


def ran(room: Path, *more: str) -> tuple[int, str]:
    """The same of what can be found only by trying."""
    command = [sys.executable, "-m", "lophoc", "agent", "--config", str(room), "--port", "0", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=clean({}))
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "written", "expected"),
    [
        (5, "driver: pjlonk", ":5:46: devices[0].driver: unknown driver 'pjlonk'; did you mean 'pjlink'?"),
        (5, "driver: pjlink, options: {hots: x}", ":5:64: devices[0].options.hots: unknown field 'hots'; did you mean"),
        (5, "driver: pjlink", ":5:"),
        (1, "school: THCS Thử", ":1:9: school: "),
        (3, "name: {vi: Phòng thử", ":"),
    ],
)
def test_a_wrong_room_is_named_by_line_and_column(room: Path, line: int, written: str, expected: str) -> None:
    lines = ROOM.splitlines()
    lines[line - 1] = f"  - {{id: projector, role: projector, {written}}}" if line == 5 else written
    room.write_text("\n".join(lines), encoding="utf-8")
    code, output = said(room)
    assert code == 2
    assert output.startswith(f"{room}{expected}"), output


def test_everything_that_is_wrong_is_said_at_once(room: Path) -> None:
    own = room.parent / "profiles"
    own.mkdir()
    (own / "dark.yaml").write_text(PROFILE, encoding="utf-8")
    room.write_text(ROOM.replace("pjlink", "pjlonk").replace("b1", "B 1"), encoding="utf-8")
    code, output = said(room, "--profiles", str(own))
    assert code == 2
    assert [line.partition(": ")[0] for line in output.splitlines()] == [
        f"{own / 'dark.yaml'}:5:25",
        f"{room}:2:7",
        f"{room}:5:46",
    ]


def test_a_trigger_may_start_a_profile_of_ones_own_and_no_unknown_one(room: Path) -> None:
    trigger = "\ntriggers:\n  - {when: {device: projector, metric: power, equals: true}, then: {profile: drak}}\n"
    room.write_text(ROOM + trigger, encoding="utf-8")
    code, output = said(room)
    assert code == 2
    assert f"{room}:8:" in output
    assert "drak" in output


def test_a_file_that_is_not_there_is_named(room: Path) -> None:
    room.unlink()
    assert said(room) == (2, f"{room}:1:1: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("more", "environment", "expected"),
    [
        (["--broker", "tcp://x"], {}, "write the broker as mqtt://host:1883"),
        (["--broker", "mqtt://gw:geheim@x"], {}, "LOPHOC_BROKER_PASSWORD"),
        (["--uplink", "mqtt://"], {}, "write the broker as mqtt://host:1883"),
        (["--port", "99999"], {}, "--port"),
        (["--prot", "1"], {}, "--port"),
        (["--profiles", "no-such-folder"], {}, "no-such-folder"),
        ([], {"LOPHOC_TEACHER_PIN": "geheim"}, "LOPHOC_TEACHER_PIN: a PIN has 4 to 12 digits"),
        ([], {"LOPHOC_TEACHER_PIN": "24682468", "LOPHOC_TECHNICIAN_PIN": "24682468"}, "must differ"),
    ],
)
def test_a_wrong_use_says_what_would_be_right_and_no_secret(
    room: Path, more: list[str], environment: dict[str, str], expected: str
) -> None:
    code, output = said(room, *more, **environment)
    assert code == 2
    assert expected in output
    assert "geheim" not in output
    assert "24682468" not in output


@pytest.mark.parametrize("content", ["", "{}}", '{"teacher": 4}'])
def test_pins_that_cannot_be_read_are_said_at_the_start(room: Path, content: str) -> None:
    data = room.parent / "spoiled"
    data.mkdir()
    (data / "pins.json").write_text(content)
    code, last = ran(room, "--data", str(data))
    assert code == 2
    assert last.startswith(f"Error: {data / 'pins.json'} cannot be read")


def test_a_port_that_is_taken_is_said(room: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, last = ran(room, "--data", str(room.parent / "data"), "--port", str(port))
    assert (code, last) == (1, f"Error: 127.0.0.1:{port} cannot be served on: Address already in use")


def test_a_data_directory_that_cannot_be_is_said(room: Path) -> None:
    (room.parent / "full").symlink_to("/proc/self")
    code, last = ran(room, "--data", str(room.parent / "full" / "data"))
    assert code == 1
    assert last.startswith(f"Error: {room.parent / 'full' / 'data'} cannot be used: ")


def test_the_help_names_every_secret_that_is_read_and_every_exit_code(room: Path) -> None:
    output = CliRunner().invoke(agent, ["--help"]).output
    for name in ("LOPHOC_TEACHER_PIN", "LOPHOC_TECHNICIAN_PIN", "LOPHOC_BROKER_PASSWORD", "LOPHOC_UPLINK_PASSWORD"):
        assert name in output
    assert all(f"\n    {code}  " in output for code in (0, 1, 2))
    assert max(len(line) for line in output.splitlines()) <= 80


def test_options_may_come_from_the_environment(room: Path) -> None:
    room.write_text("[]", encoding="utf-8")
    names = {"LOPHOC_AGENT_CONFIG": str(room), "LOPHOC_AGENT_DATA": str(room.parent / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "lophoc", "agent"], capture_output=True, text=True, timeout=30,
        env={**clean({}), **names}, cwd=os.fspath(room.parent),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"{room}:1:1: ")
