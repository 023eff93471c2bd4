"""What an idle agent costs: memory, processor and start-up, with 12 devices on real wires.

    python -m tests.benchmarks.footprint [--seconds S]

Starts a Mosquitto, the other end of every wire, and one `lophoc agent`; prints one JSON object:
`cold_start_s` (process started to `ready`), `pss_mib` (proportional set size) and `cpu_percent` (of one core).
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from lophoc.broker import start_broker
from lophoc.children import children

_PIN = {"LOPHOC_TEACHER_PIN": "2468", "LOPHOC_TECHNICIAN_PIN": "135791"}


def room(projector_port: int, board: Path, serial: Path) -> dict[str, Any]:
    """Twelve devices: one PJLink, one RS-232, one Firmata, nine on MQTT."""
    switches = ["lights", "board-light", "screen", "sockets", "ventilation"]
    sensors = ["air-1", "air-2", "air-3", "light-meter"]
    roles = {"lights": "lights", "board-light": "board-light", "screen": "screen", "sockets": "sockets"}

    def mqtt(name: str, role: str, kind: str) -> dict[str, Any]:
        options = {"dialect": "tasmota", "topic": f"bench-{name}", "kind": kind}
        return {"id": name, "role": role, "driver": "mqtt-devices", "options": options}

    return {
        "school": "bench",
        "room": "a1",
        "name": {"vi": "Đo", "en": "Bench"},
        "devices": [
            {
                "id": "projector",
                "role": "projector",
                "driver": "pjlink",
                "options": {"host": "127.0.0.1", "port": projector_port},
            },
            {
                "id": "display",
                "role": "display",
                "driver": "projector-serial",
                "options": {"port": str(serial), "table": "epson-esc-vp21"},
            },
            {"id": "kit-01", "role": "robot-kit", "driver": "firmata", "options": {"port": str(board)}},
            *(mqtt(name, roles.get(name, "ventilation"), "switch") for name in switches),
            *(mqtt(name, "air-sensor", "sensor") for name in sensors),
        ],
    }


async def measure(seconds: float, directory: Path) -> dict[str, Any]:
    """Start everything, wait until the room is quiet, then watch the agent for `seconds`."""
    board, serial, file = directory / "tty-board", directory / "tty-serial", directory / "room.yaml"
    async with children(directory) as parts:
        broker, _ = await start_broker(parts, directory)
        projector = await parts.lophoc("projector", "sim", "pjlink", "--port", "0", "--warm-up", "1")
        port = int(projector.ready.rsplit(":", 1)[1])
        await parts.lophoc("board", "sim", "firmata", "--link", str(board))
        await parts.lophoc("serial", "sim", "projector-serial", "--link", str(serial), "--warm-up", "1")
        file.write_text(yaml.safe_dump(room(port, board, serial), allow_unicode=True), encoding="utf-8")
        await parts.lophoc("mqtt", "sim", "mqtt-devices", "--broker", broker, "--room", str(file), "--period", "10")
        started = time.monotonic()
        agent = await parts.lophoc(
            "agent",
            *("agent", "--config", str(file), "--data", str(directory / "agent"), "--broker", broker, "--port", "0"),
            environment=_PIN,
        )
        cold_start_s = time.monotonic() - started
        process = psutil.Process(agent.process.pid)
        await asyncio.sleep(8.0)
        before, since = _cpu_s(process), time.monotonic()
        await asyncio.sleep(seconds)
        cpu_percent = 100 * (_cpu_s(process) - before) / (time.monotonic() - since)
        online = await _online(agent.ready.split()[0])
        return {
            "cold_start_s": round(cold_start_s, 3),
            "pss_mib": round(process.memory_full_info().pss / 2**20, 1),
            "cpu_percent": round(cpu_percent, 2),
            "devices": 12,
            "devices_reachable": online,
            "seconds": seconds,
        }


async def _online(panel: str) -> int:
    import httpx

    async with httpx.AsyncClient(base_url=panel, timeout=5) as client:
        devices = (await client.get("/api/room")).json()["devices"]
    return sum(1 for device in devices if device["health"]["state"] != "unreachable")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to watch the idle agent")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lophoc-bench-") as made:
        print(json.dumps(asyncio.run(measure(arguments.seconds, Path(made)))))


if __name__ == "__main__":
    main()
