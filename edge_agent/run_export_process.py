"""Exports a run in a process of its own: neither the loop nor the memory of the agent feels what Parquet takes."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from edge_agent.run import Run
from edge_agent.run_export import Format

EXPORT_S = 120.0
_CHUNK = 256 * 1024


class ExportFailed(Exception):
    """The text says why."""


async def exported(data: Path, run: Run, form: Format) -> Path:
    """A file of its own, for `contents`. Raises ExportFailed."""
    path = await asyncio.to_thread(_new_file, data, form)
    process: asyncio.subprocess.Process | None = None
    done = False
    try:
        async with asyncio.timeout(EXPORT_S):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lophoc", "run", "export", "--data", str(data), "--format", form.value,
                "--out", str(path), run.id,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, said = await process.communicate()
        if process.returncode != 0:
            words = said.decode(errors="replace").strip().rpartition("Error: ")[2]
            raise ExportFailed(words[:200] or f"exit code {process.returncode}")
        done = True
    except TimeoutError:
        raise ExportFailed(f"it took more than {EXPORT_S:g} s") from None
    except OSError as why:
        raise ExportFailed(str(why.strerror)) from why
    finally:
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if not done:
            await asyncio.to_thread(path.unlink, missing_ok=True)
    return path


async def contents(path: Path) -> AsyncIterator[bytes]:
    """The file's; it has no name any more as soon as it is open."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(path.unlink)
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()


def _new_file(data: Path, form: Format) -> Path:
    handle, name = tempfile.mkstemp(prefix="export-", suffix=f".{form}", dir=data)
    os.close(handle)
    return Path(name)
