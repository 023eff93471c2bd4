"""From the centre's command line over a real broker into a real gateway's hands."""

import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from click.testing import CliRunner, Result
from paho.mqtt.enums import CallbackAPIVersion

from cloud_ingest.catalogue.cli import catalogue
from tests.cloud_ingest.catalogue.test_ics import WEEKLY, calendar
from tests.cloud_ingest.catalogue.test_shelf import inside, text
from tests.servers import Mosquitto


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    return ["--data", str(tmp_path / "ops")]


def run(*words: str) -> Result:
    return CliRunner().invoke(catalogue, list(words))


def kept_by(broker: Mosquitto, topic: str) -> bytes:
    """What a gateway is given that connects now."""
    found: list[bytes] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _, __, message: found.append(bytes(message.payload))
    client.connect("127.0.0.1", broker.port)
    client.subscribe(topic)
    client.loop_start()
    end = time.monotonic() + 30
    while not found and time.monotonic() < end:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    return found[0]


def test_what_is_published_is_kept_by_the_broker_for_whoever_comes_later(
    tmp_path: Path, data: list[str], mosquitto: Mosquitto
) -> None:
    name, content = text()
    (tmp_path / name).write_text(content)
    (tmp_path / "week.ics").write_bytes(calendar(WEEKLY, "UID:x\nSUMMARY:Chào cờ"))
    assert len(run("key", *data).output.strip()) == 44
    assert run("publish", *data, "--note", "thử", str(tmp_path / name)).output == "quiet-reading 1\n"
    made = run("timetable", *data, "--school", "le-loi", "--ends", "2027-05-31", str(tmp_path / "week.ics"))
    assert "1 tiết / lessons, 1 phòng / rooms" in made.output
    assert "bỏ qua / left out: 1 ×" in made.output
    url = mosquitto.url
    assert (
        run("send", *data, "--broker", url, "--school", "other").output == "2 đã gửi / sent, 0 không đổi / unchanged\n"
    )
    assert run("send", *data, "--broker", url).output == "0 đã gửi / sent, 2 không đổi / unchanged\n"
    bundle = inside(kept_by(mosquitto, "lophoc/1/le-loi/all/cmd"))
    assert (bundle.profiles[0].text, bundle.timetable[0].title) == (content, "Vật lí 10A3")
    assert "quiet-reading" in run("list", *data).output
    out = tmp_path / "le-loi.catalogue"
    assert run("export", *data, "--school", "le-loi", str(out)).exit_code == 0
    assert inside(out.read_bytes()) == bundle
    assert run("withdraw", *data, "quiet-reading").exit_code == 0
    assert run("send", *data, "--broker", url).exit_code == 0
    assert inside(kept_by(mosquitto, "lophoc/1/le-loi/all/cmd")).profiles == ()


def test_what_is_wrong_is_said_with_its_exit_code(tmp_path: Path, data: list[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("id: x\nsteps: 1\n")
    wrong = run("publish", *data, str(bad))
    assert (wrong.exit_code, f"{bad}:2:8: steps" in wrong.output) == (2, True)
    assert run("withdraw", *data, "nothing").exit_code == 2
    assert run("send", *data, "--broker", "mqtt://127.0.0.1:1").exit_code == 1  # no key yet
    run("key", *data)
    for url in ("http://x", "amqp://centre@x"):
        wrong = run("send", *data, "--broker", url)
        assert (wrong.exit_code, "mqtt://" in wrong.output, "or amqp" in wrong.output) == (2, True, False)
    assert run("send", *data, "--broker", "mqtt://u:p@x").exit_code == 2
    assert run("export", *data, "--school", "le-loi", str(tmp_path / "out")).exit_code == 1
    assert run("export", *data, "--school", "Lê Lợi", str(tmp_path / "out")).exit_code == 2
    empty = tmp_path / "empty.ics"
    empty.write_bytes(calendar())
    assert run("timetable", *data, "--school", "le-loi", str(empty)).exit_code == 1
    assert run("timetable", *data, "--school", "le-loi", str(bad)).exit_code == 2
    assert run("timetable", *data, "--school", "le-loi", "--room", "x", str(empty)).exit_code == 2
    name, content = text()
    (tmp_path / name).write_text(content)
    assert run("publish", *data, str(tmp_path / name)).exit_code == 0
    away = run("send", *data, "--broker", "mqtt://127.0.0.1:1", "--school", "le-loi")
    assert (away.exit_code, "cannot be reached" in away.output) == (1, True)
