"""A bounded folder where a technician finds the batches that this process could not digest."""

import logging
import time
from pathlib import Path

from cloud_ingest.inbox import Message

FILES = 200
BYTES = 32 * 1024 * 1024

_log = logging.getLogger("lophoc.ingest.quarantine")


class Quarantine:
    """Each batch is two files, its bytes as they came and a text that says why, named by its gateway and digest."""

    def __init__(self, folder: Path, files: int = FILES, size: int = BYTES) -> None:
        self._folder = folder
        self._files = files
        self._size = size

    def set_aside(self, message: Message, why: str) -> bool:
        """False if there is no room: then it must not be answered, so that its gateway keeps it."""
        name = f"{message.sender.school}.{message.sender.gateway}.{message.digest}"
        batch = self._folder / f"{name}.batch"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if batch.exists():
                return True
            sizes = [entry.stat().st_size for entry in self._folder.iterdir() if entry.suffix == ".batch"]
            if len(sizes) >= self._files or sum(sizes) + len(message.payload) > self._size:
                _log.error("%s is full, so %s is not answered: look at what is in it", self._folder, name)
                return False
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            _write(batch.with_suffix(".txt"), f"{stamp} {why}\n".encode())
            _write(batch, message.payload)
        except OSError as wrong:
            _log.error("a batch cannot be set aside in %s, so it is not answered: %s", self._folder, wrong)
            return False
        _log.error("a batch was set aside as %s: %s", batch, why)
        return True


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    made = path.with_name(path.name + ".new")
    made.touch(0o600)
    made.write_bytes(content)
    made.replace(path)
