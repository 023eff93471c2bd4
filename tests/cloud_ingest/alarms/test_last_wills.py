"""From a broker's last wills to one alarm in the file: `lophoc ingest` as it really runs."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cloud_ingest.alarms.alarm import Alarm, Everything
from cloud_ingest.alarms.inbox import Alarms, InboxUnavailable
from tests.cloud_ingest.ingest_process import ingest
from tests.servers import Mosquitto

_RULES = """
together: {schools_least: 3, settle_s: 1}
rules:
  - id: gone
    kind: gateway
    of: {states: [unreachable]}
    name: {vi: Mất, en: Lost}
    says: {vi: "{where}", en: "{where}"}
    city_says: {vi: "{schools} trường ({count}; {where})", en: "{schools} schools ({count})"}
    severity: major
    hold_s: 1
    clear_after_s: 1
    together: city
"""


@contextmanager
def _gateways(broker: Mosquitto) -> Iterator[list[Client]]:
    """Six of three schools, each with its last will: so few are no storm, for which the engine waits longer."""
    clients = []
    for number in range(6):
        topic = f"lophoc/1/school-{number // 2}/gw-{number}/status"
        client = Client(CallbackAPIVersion.VERSION2, client_id=topic)
        client.will_set(topic, b'{"state":"offline"}', 1, retain=True)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        client.publish(topic, b'{"state":"online","clock":"trusted"}', 1, retain=True).wait_for_publish(30.0)
        clients.append(client)
    try:
        yield clients
    finally:
        with ThreadPoolExecutor(len(clients)) as pool:  # each waits for its thread, which may wait to connect again
            list(pool.map(Client.loop_stop, clients))


def _until(path: Path, count: int) -> list[Alarm]:
    until = time.monotonic() + 90.0
    while True:
        try:
            with Alarms(path) as inbox:
                found = inbox.list(Everything()).alarms
                if len(found) == count and (count == 0 or found[0].cause_of == 6):
                    return found
        except InboxUnavailable:
            pass
        assert time.monotonic() < until, "the alarm never came, or never went"
        time.sleep(0.05)


def test_three_schools_that_lose_their_line_are_one_alarm_which_outlives_the_worker(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(_RULES)
    path = tmp_path / "alarms.sqlite"
    with Mosquitto(tmp_path) as broker, ExitStack() as open_things:
        url, store = f"mqtt://127.0.0.1:{broker.port}", f"sqlite:///{tmp_path}/store.sqlite"
        more = ("--alarms", str(path), "--alarm-rules", str(tmp_path / "rules.yaml"), "--workers", "2")
        process = open_things.enter_context(ingest(tmp_path / "log", url, store, *more))
        with _gateways(broker) as clients:
            for client in clients:
                client.socket().close()  # type: ignore[union-attr]
        (alarm,) = _until(path, 1)
        assert (alarm.in_schools, alarm.cause_of) == (3, 6)
        assert alarm.text_vi == "3 trường (6; school-0, school-1, school-2)"
        for worker in psutil.Process(process.process.pid).children():
            if any(each.path == f"{path}.lock" for each in worker.open_files()):
                os.kill(worker.pid, signal.SIGKILL)
        with _gateways(broker):
            assert _until(path, 0) == []
        with Alarms(path) as inbox:
            assert inbox.one(Everything(), alarm.id).repeats == 0
