"""From a dangerous reading on the wire to the cut-off command on the wire, beside a bare echo in the same run.

    python -m tests.benchmarks.interlock [--trips N] [--background B] [--cores C] [--no-serial]

One Mosquitto (`set_tcp_nodelay true`) and one `lophoc agent` with eight gas sensors, a valve and an interlock for each.
A trip is: the sensor says 1,200 ppm; the time runs until the valve's `/set` is here, both in this process; the valve
confirms; the sensor says 20 ppm; the interlock is reset over HTTP. After each trip the echo (aiomqtt, one connection,
TCP_NODELAY) is called once. All the time sensors publish `background` readings a second (two a message), which the
agent reads, journals and sends on, and `cores` processes compute without a pause, as a vision process would. The agent
asks for a higher priority than theirs, as it always does (so does this process, which measures); the echo and the
broker have the ordinary one.

Then the same again over a serial line: a Firmata board (the project's simulator on a pty, in this process)
whose digital input trips an interlock that turns its digital output off, beside an echo of one byte on another pty.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import select
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import yaml
from paho.mqtt.client import Client, MQTTMessage

from lophoc.broker import start_broker
from lophoc.children import Children, children
from simulators.firmata import FirmataBoard
from tests.benchmarks.latency import BACKGROUND, ECHO, connected, percentile

_PLACES = 8
_SENSORS = 10
_PIN = "2468"
_MISSED_S = 2.0
_INPUT, _OUTPUT = 2, 8
_WARM = 40
_BUSY = """
import math
print("ready", flush=True)
while True:
    sum(math.sqrt(number) for number in range(100_000))
"""
_SERIAL_ECHO = """
import os, select, sys, termios, tty
line = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
tty.setraw(line)
print("ready", flush=True)
while True:
    select.select([line], [], [])
    os.write(line, os.read(line, 16))
"""


def room(serial: Path | None) -> dict[str, Any]:
    """A gas sensor and a valve at each place, other sensors, and perhaps a board."""

    def device(name: str, role: str, **options: Any) -> dict[str, Any]:
        return {"id": name, "role": role, "driver": "mqtt-devices", "options": options}

    def rule(name: str, cause: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
        said = {"vi": name, "en": name}
        blind = {"device": cause["device"], "unreachable_s": 600}
        return {
            "id": name, "name": said, "advice": said, "when": [cause, blind], "then": [order], "reset_by": "teacher",
        }  # fmt: skip

    devices = [
        *(
            device(f"gas-{n}", "gas-sensor", dialect="plain", topic=f"bench/gas-{n}", kind="sensor", metric="gas_ppm")
            for n in range(_PLACES)
        ),
        *(
            device(f"valve-{n}", "gas-valve", dialect="zigbee2mqtt", topic=f"bench-valve-{n}", kind="switch")
            for n in range(_PLACES)
        ),
        *(
            device(f"air-{n}", "air-sensor", dialect="zigbee2mqtt", topic=f"bench-air-{n}", kind="sensor")
            for n in range(_SENSORS)
        ),
    ]
    rules = [
        rule(
            f"gas-{n}",
            {"device": f"gas-{n}", "metric": "gas_ppm", "above": 1000},
            {"device": f"valve-{n}", "set": {"switch": False}},
        )
        for n in range(_PLACES)
    ]
    if serial is not None:
        pins = {"leak": {"pin": _INPUT, "kind": "input"}, "cut": {"pin": _OUTPUT, "kind": "output"}}
        options = {"port": str(serial), "use": "board", "pins": pins}
        devices.append({"id": "board", "role": "bench-power", "driver": "firmata", "options": options})
        rules.append(
            rule(
                "board",
                {"device": "board", "metric": "leak", "equals": True},
                {"device": "board", "set": {"switch.cut": False}},
            )
        )
    name = {"vi": "Đo", "en": "Bench"}
    return {"school": "bench", "room": "a1", "name": name, "devices": devices, "interlocks": rules}


class Staff:
    """Resets what has tripped, over HTTP."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        self._cookie = ""
        _, headers = self._ask("POST", "/api/session", {"pin": _PIN})
        self._cookie = headers["Set-Cookie"].partition(";")[0]

    def reset(self, rule: str) -> None:
        """As soon as its cause is gone."""
        for _ in range(400):
            status, _headers = self._ask("POST", f"/api/interlocks/{rule}/reset", {"reason": "benchmark"})
            if status == 200:
                return
            time.sleep(0.005)
        raise AssertionError(f"{rule} could not be reset")

    def wait_until_armed(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            self._connection.request("GET", "/api/interlocks")
            if all(one["state"] == "armed" for one in json.loads(self._connection.getresponse().read())):
                return
            time.sleep(0.05)
        raise AssertionError("the interlocks are not armed")

    def _ask(self, method: str, path: str, content: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
        headers = {"Content-Type": "application/json", "Cookie": self._cookie}
        self._connection.request(method, path, json.dumps(content), headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, answer.headers


class Wire(Protocol):
    """What is measured. Each answers in seconds; None for what never came."""

    def trip(self, number: int, staff: Staff) -> float | None: ...

    def echo(self, number: int) -> float | None: ...


class Awaited:
    """One answer, seen in another thread."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self._name, self._at = "", 0.0

    def expect(self, name: str) -> None:
        self._came.clear()
        self._name = name

    def see(self, name: str) -> None:
        if name == self._name and not self._came.is_set():
            self._at = time.perf_counter()
            self._came.set()

    def since(self, began: float) -> float | None:
        return self._at - began if self._came.wait(_MISSED_S) else None


class MqttWire:
    """The sensors, the valves and the caller of the echo."""

    def __init__(self, port: int) -> None:
        self._sender, self._receiver = connected(port), connected(port)
        self._awaited = Awaited()
        self._receiver.on_message = self._on_message
        self._receiver.subscribe([("echo/out/+", 1), ("zigbee2mqtt/+/set", 1)])
        for number in range(_PLACES):
            self._sender.publish(f"zigbee2mqtt/bench-valve-{number}/availability", "online", qos=1, retain=True)
            self._sender.publish(f"zigbee2mqtt/bench-valve-{number}", '{"state": "ON"}', qos=1, retain=True)
        for number in range(_SENSORS):
            self._sender.publish(f"zigbee2mqtt/bench-air-{number}/availability", "online", qos=1, retain=True)

    def calm(self) -> None:
        for number in range(_PLACES):
            self._sender.publish(f"bench/gas-{number}/state", "20", qos=1)

    def trip(self, number: int, staff: Staff) -> float | None:
        place = number % _PLACES
        self._awaited.expect(f"zigbee2mqtt/bench-valve-{place}/set")
        began = time.perf_counter()
        self._sender.publish(f"bench/gas-{place}/state", "1200", qos=1)
        took = self._awaited.since(began)
        self._sender.publish(f"bench/gas-{place}/state", "20", qos=1)
        staff.reset(f"gas-{place}")
        return took

    def echo(self, number: int) -> float | None:
        self._awaited.expect(f"echo/out/{number % _PLACES}")
        began = time.perf_counter()
        self._sender.publish(f"echo/in/{number % _PLACES}", "1200", qos=1)
        return self._awaited.since(began)

    def close(self) -> None:
        for client in (self._sender, self._receiver):
            client.disconnect()
            client.loop_stop()

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        self._awaited.see(message.topic)
        if message.topic.endswith("/set"):
            self._receiver.publish(message.topic.removesuffix("/set"), message.payload)  # the valve confirms


class _Board(FirmataBoard):
    """Says when its outputs are written."""

    awaited: Awaited

    def _write_port(self, port: int, bits: int) -> None:
        if port == _OUTPUT // 8 and not bits >> _OUTPUT % 8 & 1:
            self.awaited.see("cut")
        super()._write_port(port, bits)


class SerialWire:
    """A board on a pty in a thread of its own, and an echo on another."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._awaited = Awaited()
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._master, slave = os.openpty()
        tty.setraw(slave)
        tty.setraw(self._master)
        self.echo_path = os.ttyname(slave)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def trip(self, number: int, staff: Staff) -> float | None:
        self._awaited.expect("cut")
        began = time.perf_counter()
        self._loop.call_soon_threadsafe(self._board.set_input, _INPUT, True)
        took = self._awaited.since(began)
        self._loop.call_soon_threadsafe(self._board.set_input, _INPUT, False)
        staff.reset("board")
        return took

    def echo(self, number: int) -> float | None:
        began = time.perf_counter()
        os.write(self._master, b"x")
        if not select.select([self._master], [], [], _MISSED_S)[0]:
            return None
        os.read(self._master, 16)
        return time.perf_counter() - began

    async def _run(self) -> None:
        self._board = _Board(link=self.link, boot_s=0.1)
        self._board.awaited = self._awaited
        async with self._board:
            self._board.set_input(_INPUT, False)
            self._ready.set()
            await self._over.wait()


def figures_of(wire: Wire, staff: Staff, trips: int) -> dict[str, Any]:
    """Trip and echo in turns, so that a noisy machine is noisy for both."""
    for number in range(_WARM):
        wire.trip(number, staff)
        wire.echo(number)
    tripped, echoed = [], []
    for number in range(trips):
        tripped.append(wire.trip(number, staff))
        time.sleep(0.002)
        echoed.append(wire.echo(number))
    took = [one for one in tripped if one is not None]
    echoes = [one for one in echoed if one is not None]
    return {
        "p50_ms": percentile(took, 0.50),
        "p99_ms": percentile(took, 0.99),
        "p999_ms": percentile(took, 0.999),
        "max_ms": percentile(took, 1.0),
        "missed": len(tripped) - len(took),
        "echo_p50_ms": percentile(echoes, 0.50),
        "echo_p99_ms": percentile(echoes, 0.99),
        "echo_max_ms": percentile(echoes, 1.0),
        "p99_ratio": round(percentile(took, 0.99) / percentile(echoes, 0.99), 2),
    }


async def measure(trips: int, background: float, cores: int, serial: bool, directory: Path) -> dict[str, Any]:
    line = SerialWire(directory / "board") if serial else None
    file = directory / "room.yaml"
    file.write_text(yaml.safe_dump(room(line.link if line else None), allow_unicode=True), encoding="utf-8")
    async with children(directory) as parts:
        broker, kind = await start_broker(parts, directory)
        port = urlsplit(broker).port
        assert port is not None
        mqtt = MqttWire(port)
        try:
            if line is None:
                return await _measured(parts, mqtt, None, trips, background, cores, broker, file, kind)
            with line:
                return await _measured(parts, mqtt, line, trips, background, cores, broker, file, kind)
        finally:
            mqtt.close()


async def _measured(
    parts: Children, mqtt: MqttWire, line: SerialWire | None, trips: int, background: float, cores: int,
    broker: str, file: Path, kind: str,
) -> dict[str, Any]:  # fmt: skip
    folder, port = file.parent, str(urlsplit(broker).port)
    store = f"sqlite:///{folder / 'store.sqlite'}"
    await parts.lophoc("ingest", "ingest", "--broker", broker, "--store", store)
    agent = await parts.lophoc(
        "agent",
        *("agent", "--config", str(file), "--data", str(folder / "agent"), "--broker", broker, "--port", "0"),
        environment={"LOPHOC_TEACHER_PIN": _PIN},
    )
    await parts.start("echo", [sys.executable, "-c", ECHO, port], wait=True)
    if line is not None:
        await parts.start("serial-echo", [sys.executable, "-c", _SERIAL_ECHO, line.echo_path], wait=True)
    seconds = str(60 + trips * (2 if line else 1))
    if background:
        arguments = [port, str(background / 2), str(_SENSORS), seconds]
        await parts.start("background", [sys.executable, "-c", BACKGROUND, *arguments], wait=True)
    for number in range(cores):
        await parts.start(f"busy-{number}", [sys.executable, "-c", _BUSY], wait=True)
    _measure_first()
    mqtt.calm()
    staff = Staff(agent.ready)
    await asyncio.to_thread(staff.wait_until_armed)
    figures: dict[str, Any] = {"trips": trips, "background": background, "busy_cores": cores, "broker": kind}
    figures |= await asyncio.to_thread(figures_of, mqtt, staff, trips)
    if line is not None:
        over_serial = await asyncio.to_thread(figures_of, line, staff, trips)
        figures |= {f"serial_{name}": value for name, value in over_serial.items()}
    return figures


def _measure_first() -> None:
    """Who measures must not wait for its turn: as far as this may be had, in all threads, after the parts began."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), -15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trips", type=int, default=800)
    parser.add_argument("--background", type=float, default=2000.0, help="readings a second, two a message")
    parser.add_argument("--cores", type=int, default=2, help="processes that compute without a pause")
    parser.add_argument(
        "--serial", action=argparse.BooleanOptionalAction, default=True, help="the same over a serial line, too"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        figures = asyncio.run(measure(asked.trips, asked.background, asked.cores, asked.serial, Path(made)))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
