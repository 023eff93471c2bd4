"""Kits that are hurt in the middle of a transfer, each in its own way: what is said of each in the end is true."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from firmware_bridge.fleet.each import Patience
from simulators.micropython import FAULTS
from tests.edge_agent.robot_room import assert_it_is_so, robot_room, states
from tests.firmware_bridge.fleet.lab import lab

HURRIED = {"boot_s": 0.7, "answer_s": 0.3}


@pytest.mark.timeout(120)
async def test_whatever_happens_to_a_kit_the_end_is_told_truly(tmp_path: Path) -> None:
    async with lab(tmp_path, micropython=len(FAULTS) + 2) as there:
        hurt = dict(zip(there.boards, [*FAULTS, "reset", "unplug"], strict=True))
        there.options |= {kit: HURRIED for kit, fault in hurt.items() if fault != "split"}
        async with robot_room(tmp_path / "data", there) as room:
            room.desk.be_patient(Patience(attempts=2, attempt_s=10.0, back_s=0.3), back_s=1.0)
            with ExitStack() as stack:
                for kit, fault in hurt.items():
                    board = there.micropython(kit)
                    act = {"reset": board.press_reset, "unplug": board.unplug}.get(
                        fault, partial(board.faults.add, fault)
                    )
                    stack.enter_context(room.when(kit, "sending", act))
                await room.ask("deploy", program="line-follower", run=True)
                fleet = await room.over()
            said = {fault: states(fleet)[kit] for kit, fault in hurt.items()}
            room.desk.be_patient(Patience(attempts=20), back_s=30.0)
            assert said["split"] == "done"
            assert said["unplug"] == "failed"
            for kit, fault in hurt.items():
                there.micropython(kit).faults.clear()
                if fault == "unplug":
                    there.micropython(kit).replug()
                elif fault != "split":
                    there.micropython(kit).press_reset()
                room.there.live.hurry(kit)
            await room.until(lambda: all(room.there.live.health(kit).is_well for kit in hurt))
            await room.ask("check")
            fleet = await room.over()
            for kit in fleet["kits"]:
                assert_it_is_so(there, kit)
            await room.ask("deploy", program="line-follower", run=True)
            fleet = await room.over()
            assert set(states(fleet).values()) <= {"done", "unchanged"}
            for kit in fleet["kits"]:
                assert_it_is_so(there, kit)
                assert not [name for name in there.micropython(kit["id"]).files if name.endswith((".new", ".less"))]
