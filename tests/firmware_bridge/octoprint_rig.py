"""OctoPrint's virtual printer as a peer, where `scripts/octoprint-rig` has installed OctoPrint."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "var" / "octoprint" / "bin" / "python"
_READY_S = 30.0


def octoprint_python() -> Path:
    """Skips the test where there is none."""
    python = Path(os.environ.get("LOPHOC_OCTOPRINT_PYTHON", _BESIDE))
    if not python.is_file():
        pytest.skip(f"no OctoPrint at {python}; scripts/octoprint-rig installs it (200 MB)")
    return python


@contextlib.asynccontextmanager
async def virtual_printer(directory: Path) -> AsyncIterator[str]:
    """Its port."""
    python = octoprint_python()
    link = directory / "tty-octoprint"
    script = Path(__file__).with_name("octoprint_virtual.py")
    process = await asyncio.create_subprocess_exec(
        *(str(python), str(script), str(link)), stdout=asyncio.subprocess.PIPE, cwd=directory
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_READY_S):
            while not (line := await process.stdout.readline()).startswith(b"ready"):
                assert line, "OctoPrint's virtual printer ended"
        yield str(link)
    finally:
        process.kill()
        await process.communicate()
