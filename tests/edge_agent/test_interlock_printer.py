"""A 3D printer at work while an interlock trips: it stops, cools, and is not started again before the reset."""

from pathlib import Path

import httpx
import yaml

from classroom_profiles.documents import load_room
from simulators.gcode_printer import GcodePrinter
from tests.edge_agent.served_room import TEACHER, Served, served

MOVES = [f"G1 X{number} E{number}" for number in range(200)]
PRINT = {"target": "program", "value": "cube"}


def room_file(folder: Path, port: str) -> Path:
    (folder / "cube.gcode").write_text("\n".join(["M109 S210", *MOVES]) + "\n", encoding="utf-8")
    options = {"port": port, "files": str(folder), "boot_s": 5.0, "silence_s": 0.5, "poll_s": 0.2}
    room = {
        "school": "thcs-thu",
        "room": "lab",
        "name": {"vi": "Phòng thí nghiệm", "en": "Laboratory"},
        "devices": [{"id": "printer", "role": "printer-3d", "driver": "gcode-printer", "options": options}],
        "interlock_sets": ["emergency-stop"],
    }
    path = folder / "room.yaml"
    path.write_text(yaml.safe_dump(room, allow_unicode=True), encoding="utf-8")
    return path


async def test_the_emergency_stop_ends_a_print_leaves_the_printer_cold_and_keeps_it_so(tmp_path: Path) -> None:
    async with GcodePrinter(boot_s=0.05, heating_c_s=5000.0, move_s=0.01, tick_s=0.02) as printer:
        room = load_room(room_file(tmp_path, printer.port))
        async with served(tmp_path, real=room) as there, there.client(TEACHER) as client:
            assert (await client.post("/api/devices/printer/commands", json=PRINT)).status_code == 200
            await printer.changes.until(lambda: _moves(printer) > 3)
            assert (await client.post("/api/interlocks/emergency-stop/trip")).status_code == 200
            await _until_confirmed(there)
            assert printer.nozzle.target_c == 0
            assert _moves(printer) < len(MOVES)
            await _is_refused(client)
            reset = await client.post("/api/interlocks/emergency-stop/reset", json={"reason": "safe"})
            assert reset.status_code == 200
            assert (await client.post("/api/devices/printer/commands", json=PRINT)).status_code == 200


async def _until_confirmed(there: Served) -> None:
    interlocks = there.parts.interlocks
    assert await there.live.until(lambda: all(one.confirmed for one in interlocks.now("emergency-stop").orders), 30)
    assert interlocks.now("emergency-stop").orders


async def _is_refused(client: httpx.AsyncClient) -> None:
    refused = await client.post("/api/devices/printer/commands", json=PRINT)
    assert (refused.status_code, refused.json()["error"]) == (409, "interlocked")


def _moves(printer: GcodePrinter) -> int:
    return sum(line.startswith("G1") for line in printer.done)
