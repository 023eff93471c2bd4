"""A disk that can be full: a small tmpfs of the run's own where mounting is allowed, else a limit on file sizes.

The mounts are in a mount namespace of this process, so that they end with it, however it ends.
"""

import contextlib
import ctypes
import os
import resource
import subprocess
from pathlib import Path

import psutil

_SIZE = "16m"
_CLONE_NEWNS = 0x00020000  # unshare(2)
_MS_PRIVATE_REC = 0x4000 | 0x40000  # mount(2): MS_REC | MS_PRIVATE
_LIMIT = 4096
_FILLER = "filler"


def private_mounts() -> bool:
    """From now on this process mounts what nobody else sees; False where it may not. Before it starts a thread."""
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNS) != 0:
        return False
    return bool(libc.mount(b"none", b"/", None, _MS_PRIVATE_REC, None) == 0)


class Disk:
    """Where one gateway has its journal."""

    def __init__(self, directory: Path, *, mount: bool) -> None:
        self.directory = directory
        directory.mkdir()
        self._limited = False
        self._mounted = mount and _ran("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0700", "chaos", str(directory))

    @property
    def way(self) -> str:
        return f"tmpfs of {_SIZE}, RLIMIT_FSIZE" if self._mounted else "RLIMIT_FSIZE"

    def fill(self, pid: int | None) -> None:
        """No new page for anyone. SQLite notices once its log is to grow. `pid`: who writes there, if he runs."""
        if self._mounted:
            _fill(self.directory / _FILLER)
        else:
            self.refuse(pid)

    def refuse(self, pid: int | None) -> None:
        """Every write of this process fails at once."""
        self._limited = True
        self.limit(pid)

    def limit(self, pid: int | None) -> None:
        """A process that has just begun finds the disk as it is."""
        if self._limited and pid is not None:
            _limit(pid, _LIMIT)

    def free(self, pid: int | None) -> None:
        (self.directory / _FILLER).unlink(missing_ok=True)
        if self._limited and pid is not None:
            _limit(pid, resource.RLIM_INFINITY)
        self._limited = False

    def close(self) -> None:
        if self._mounted:
            _ran("umount", "-l", str(self.directory))


def _fill(filler: Path) -> None:
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in (1024 * 1024, 4096):
            with contextlib.suppress(OSError):
                while os.write(descriptor, bytes(size)):
                    pass
    finally:
        os.close(descriptor)


def _limit(pid: int, size: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        _, most = process.rlimit(resource.RLIMIT_FSIZE)
        process.rlimit(resource.RLIMIT_FSIZE, (most if size == resource.RLIM_INFINITY else size, most))


def _ran(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
