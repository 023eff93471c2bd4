"""Killed at any instant between the dangerous reading and the reset, the room ends safe: see interlock_crash."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(180)


async def killed(folder: Path, *more: str) -> tuple[int, list[str]]:
    """How many instants there were, and what was wrong."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.edge_agent.interlock_crash", str(folder), *more),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found = json.loads(said)
    return found["instants"], found["wrong"]


async def test_killed_at_a_tenth_of_all_lines_it_ends_safe(tmp_path: Path) -> None:
    instants, wrong = await killed(tmp_path, "--every", "10", "--seed", "4")
    assert wrong == []
    assert instants > 50
