"""The demo's parts: ready or explained, stopped in order, and gone when the demo is killed."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from lophoc.children import ChildFailed, children
from tests.lophoc.processes import left_of

STAYS = "import time; print('ready here', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
BREAKS = "import sys; print('no such port', file=sys.stderr); sys.exit(3)"
PARENT = f"""
import asyncio, sys
from pathlib import Path
from lophoc.children import children
async def main():
    async with children(Path(sys.argv[1])) as parts:
        child = await parts.start("stays", [sys.executable, "-c", {STAYS!r}], wait=True)
        print(child.process.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_part_is_ready_when_it_says_so_and_gone_at_the_end(tmp_path: Path) -> None:
    async with children(tmp_path) as parts:
        child = await parts.start("stays", [sys.executable, "-c", STAYS], wait=True)
        assert child.ready == "here"
        assert child.process.returncode is None
    assert child.process.returncode == -signal.SIGTERM


async def test_a_part_that_does_not_start_leaves_its_last_words(tmp_path: Path) -> None:
    async with children(tmp_path) as parts:
        with pytest.raises(ChildFailed, match=r"breaks: stopped with exit code 3\nno such port"):
            await parts.start("breaks", [sys.executable, "-c", BREAKS], wait=True)


async def test_a_part_that_stops_by_itself_is_noticed(tmp_path: Path) -> None:
    async with children(tmp_path) as parts:
        await parts.start("stays", [sys.executable, "-c", STAYS], wait=True)
        await parts.start("breaks", [sys.executable, "-c", BREAKS])
        async with asyncio.timeout(10):
            assert (await parts.first_to_stop()).name == "breaks"


async def test_a_part_that_will_not_stop_is_made_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lophoc.children._STOP_S", 0.1)
    async with children(tmp_path) as parts:
        child = await parts.start("stubborn", [sys.executable, "-c", STUBBORN], wait=True)
    assert child.process.returncode == -signal.SIGKILL


async def test_the_latest_part_is_stopped_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    says = f"import signal, sys, time\ndef bye(*_):\n open({str(order)!r}, 'a').write(sys.argv[1]); sys.exit()\n"
    says += "signal.signal(15, bye); print('ready', flush=True); time.sleep(60)"
    async with children(tmp_path) as parts:
        for name in "abc":
            await parts.start(name, [sys.executable, "-c", says, name], wait=True)
    assert order.read_text() == "cba"


async def test_a_demo_that_is_killed_takes_its_parts_with_it(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        child = psutil.Process(int(await process.stdout.readline()))
        process.kill()
        await process.wait()
        assert await asyncio.to_thread(left_of, [child]) == []


async def test_parts_have_a_terminal_group_of_their_own(tmp_path: Path) -> None:
    """So that Ctrl-C reaches the demo alone, which stops them in order."""
    async with children(tmp_path) as parts:
        child = await parts.start("stays", [sys.executable, "-c", STAYS], wait=True)
        assert os.getpgid(child.process.pid) != os.getpgid(0)
