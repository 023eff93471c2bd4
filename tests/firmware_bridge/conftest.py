"""A board with real firmware, built once for all tests of a run."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.firmware_bridge.firmata_rig import RigBoard, rig_script, running, set_up


@pytest.fixture(scope="session")
def built_rig(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The rig's script and the directory in which it has built."""
    script, own = rig_script(), tmp_path_factory.getbasetemp()
    directory = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "firmata-rig"
    set_up(script, directory)
    return script, directory


@pytest.fixture
async def rig_board(built_rig: tuple[Path, Path], tmp_path: Path) -> AsyncIterator[RigBoard]:
    async with running(*built_rig, tmp_path / "tty-rig") as board:
        yield board
