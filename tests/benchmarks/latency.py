"""From an MQTT trigger to an MQTT command through the agent, beside a bare aiomqtt echo in the same run.

    python -m tests.benchmarks.latency [--seconds S] [--rate R] [--background B]

One Mosquitto (`set_tcp_nodelay true`) carries all of it. Wall buttons (Zigbee2MQTT `action` messages) set lamps off
by the room's triggers, `rate` a second; the time runs from the publish of the button's message to the arrival of the
lamp's `/set` command, both in this process. At the same time sensors publish `background` readings a second, which
the agent reads, journals and sends on. The echo (aiomqtt, one connection, TCP_NODELAY) answers the same rate of
messages, in turns of two seconds with the agent, so that a noisy machine is noisy for both.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from lophoc.broker import start_broker
from lophoc.children import children

_LAMPS = 8
_SENSORS = 10
_TURN_S = 2.0
ECHO = """
import asyncio, socket, sys
import aiomqtt
async def main(port):
    async with aiomqtt.Client("127.0.0.1", port) as client:
        client._client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await client.subscribe("echo/in/+", qos=1)
        print("ready", flush=True)
        async for message in client.messages:
            await client.publish("echo/out/" + message.topic.value.rpartition("/")[2], message.payload, qos=1)
asyncio.run(main(int(sys.argv[1])))
"""
BACKGROUND = """
import json, sys, time
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
port, rate, sensors = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
client = Client(CallbackAPIVersion.VERSION2)
client.connect("127.0.0.1", port)
client.loop_start()
print("ready", flush=True)
start, sent, until = time.monotonic(), 0, time.monotonic() + float(sys.argv[4])
while time.monotonic() < until:
    while sent < (time.monotonic() - start) * rate:
        value = {"temperature": 20 + (sent % 97) / 10, "humidity": 50 + (sent % 31) / 10}
        client.publish(f"zigbee2mqtt/bench-air-{sent % sensors}", json.dumps(value))
        sent += 1
    time.sleep(0.002)
"""


def room() -> dict[str, Any]:
    """Buttons, a lamp for each, and sensors, all on MQTT."""

    def device(name: str, role: str, kind: str) -> dict[str, Any]:
        options = {"dialect": "zigbee2mqtt", "topic": f"bench-{name}", "kind": kind}
        return {"id": name, "role": role, "driver": "mqtt-devices", "options": options}

    numbers = range(_LAMPS)
    return {
        "school": "bench",
        "room": "a1",
        "name": {"vi": "Đo", "en": "Bench"},
        "devices": [
            *(device(f"button-{n}", "button", "sensor") for n in numbers),
            *(device(f"lamp-{n}", "lights", "switch") for n in numbers),
            *(device(f"air-{n}", "air-sensor", "sensor") for n in range(_SENSORS)),
        ],
        "triggers": [
            {
                "when": {"device": f"button-{n}", "metric": "action", "equals": action},
                "then": {"device": f"lamp-{n}", "set": {"switch": action == "on"}},
            }
            for n in numbers
            for action in ("on", "off")
        ],
    }


class Bench:
    """The buttons, the lamps and the caller of the echo; it measures in its own clock."""

    def __init__(self, port: int) -> None:
        self._sender = connected(port)
        self._receiver = connected(port)
        self._waiting: dict[str, deque[float]] = {}
        self.took: dict[str, list[float]] = {"agent": [], "echo": []}
        self._lock = threading.Lock()
        self._receiver.on_message = self._on_message
        self._receiver.subscribe([("echo/out/+", 1), ("zigbee2mqtt/+/set", 1)])
        for number in range(_LAMPS):
            for kind in ("lamp", "button"):
                self._sender.publish(f"zigbee2mqtt/bench-{kind}-{number}/availability", "online", qos=1, retain=True)
            self._sender.publish(f"zigbee2mqtt/bench-lamp-{number}", '{"state": "OFF"}', qos=1, retain=True)
        for number in range(_SENSORS):
            self._sender.publish(f"zigbee2mqtt/bench-air-{number}/availability", "online", qos=1, retain=True)

    def press(self, count: int) -> None:
        """The button for the count-th trigger: each lamp goes on and off in turn."""
        lamp, action = count % _LAMPS, "off" if (count // _LAMPS) % 2 else "on"
        self._sent(
            f"zigbee2mqtt/bench-lamp-{lamp}/set", f"zigbee2mqtt/bench-button-{lamp}", f'{{"action": "{action}"}}'
        )

    def call(self, count: int) -> None:
        name = str(count % _LAMPS)
        self._sent(f"echo/out/{name}", f"echo/in/{name}", "x" * 16)

    def missing(self) -> int:
        with self._lock:
            return sum(len(queue) for queue in self._waiting.values())

    def forget(self) -> None:
        with self._lock:
            self._waiting.clear()

    def close(self) -> None:
        for client in (self._sender, self._receiver):
            client.disconnect()
            client.loop_stop()

    def _sent(self, answer: str, topic: str, payload: str) -> None:
        with self._lock:
            self._waiting.setdefault(answer, deque()).append(time.perf_counter())
        self._sender.publish(topic, payload, qos=1)

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        now = time.perf_counter()
        if message.topic.endswith("/set"):
            lamp = message.topic.removesuffix("/set")
            self._receiver.publish(lamp, message.payload)  # the lamp confirms
        elif message.topic.endswith("/get"):
            return
        with self._lock:
            queue = self._waiting.get(message.topic)
            if queue:
                self.took["echo" if message.topic.startswith("echo") else "agent"].append(now - queue.popleft())


def connected(port: int) -> Client:
    """A client that sends at once."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    until = time.monotonic() + 5
    while not client.is_connected() and time.monotonic() < until:
        time.sleep(0.01)
    sock = client.socket()
    assert isinstance(sock, socket.socket)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _turns(bench: Bench, seconds: float, rate: float) -> None:
    """Agent and echo in turns, each `seconds` in all, at `rate` a second."""
    agent, echo = 0, 0
    for _ in range(round(seconds / _TURN_S)):
        for act, start in ((bench.press, agent), (bench.call, echo)):
            began = time.perf_counter()
            for number in range(round(_TURN_S * rate)):
                wait = began + number / rate - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
                act(start + number)
            time.sleep(0.1)
        agent += round(_TURN_S * rate)
        echo += round(_TURN_S * rate)


def percentile(values: list[float], share: float) -> float:
    """Of seconds, in milliseconds."""
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)


@contextlib.contextmanager
def _bench(port: int) -> Iterator[Bench]:
    bench = Bench(port)
    try:
        yield bench
    finally:
        bench.close()


async def measure(seconds: float, rate: float, background: float, directory: Path) -> dict[str, Any]:
    file = directory / "room.yaml"
    file.write_text(yaml.safe_dump(room(), allow_unicode=True), encoding="utf-8")
    async with children(directory) as parts:
        broker, kind = await start_broker(parts, directory)
        port = urlsplit(broker).port
        assert port is not None
        with _bench(port) as bench:
            store = f"sqlite:///{directory / 'store.sqlite'}"
            await parts.lophoc("ingest", "ingest", "--broker", broker, "--store", store)
            await parts.lophoc(
                "agent",
                *("agent", "--config", str(file), "--data", str(directory / "agent"), "--broker", broker),
                *("--port", "0"),
            )
            await parts.start("echo", [sys.executable, "-c", ECHO, str(port)], wait=True)
            if background:
                arguments = [str(port), str(background), str(_SENSORS), "120"]
                await parts.start("background", [sys.executable, "-c", BACKGROUND, *arguments], wait=True)
            await asyncio.sleep(2.0)
            await asyncio.to_thread(_turns, bench, _TURN_S, rate)  # warm
            bench.took = {"agent": [], "echo": []}
            bench.forget()
            await asyncio.to_thread(_turns, bench, seconds, rate)
            await asyncio.sleep(1.0)
            figures: dict[str, Any] = {
                "p50_ms": percentile(bench.took["agent"], 0.50),
                "p99_ms": percentile(bench.took["agent"], 0.99),
                "echo_p50_ms": percentile(bench.took["echo"], 0.50),
                "echo_p99_ms": percentile(bench.took["echo"], 0.99),
                "commands": len(bench.took["agent"]),
                "unanswered": bench.missing(),
                "rate": rate,
                "background": background,
                "broker": kind,
            }
    return {**figures, "p99_ratio": round(figures["p99_ms"] / figures["echo_p99_ms"], 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each of the two, after a warm-up")
    parser.add_argument("--rate", type=float, default=100.0, help="triggers a second")
    parser.add_argument("--background", type=float, default=1000.0, help="sensor messages a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        figures = asyncio.run(measure(arguments.seconds, arguments.rate, arguments.background, Path(made)))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
