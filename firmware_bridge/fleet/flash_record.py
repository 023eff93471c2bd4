"""What is on disk while a kit is being flashed: written before the first byte, taken away after verification.

If the power, the cable or this program fails in between, the record stays, and says so the next time.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Flashing:
    """A kit's flashing that has begun and was not verified."""

    kit: str
    port: str
    firmware: str
    """As `standard-firmata 2.5.8`."""
    began: str
    """ISO 8601, UTC."""

    @property
    def words(self) -> str:
        return (
            f"its firmware may be half written: flashing {self.firmware} began {self.began} and was never verified;"
            " flash it again"
        )


class FlashRecords:
    """The records, one file a kit, in a directory that only this user can read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def begin(self, kit: str, port: str, firmware: str) -> None:
        """On disk when it returns. Raises OSError: then nothing may be flashed."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        content = json.dumps(asdict(Flashing(kit, port, firmware, began))).encode()
        path = self._path(kit)
        fresh = path.with_suffix(".tmp")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(path)
        self._sync()

    def clear(self, kit: str) -> None:
        """It was verified, or nothing was written."""
        self._path(kit).unlink(missing_ok=True)
        self._sync()

    def left(self) -> dict[str, Flashing]:
        """Kit to what was begun there. A record that cannot be read still names its kit."""
        found = {}
        for path in sorted(self._directory.glob("*.flashing")):
            try:
                written = json.loads(path.read_bytes())
                found[path.stem] = Flashing(*(str(written[name]) for name in ("kit", "port", "firmware", "began")))
            except (OSError, ValueError, KeyError, TypeError):
                found[path.stem] = Flashing(path.stem, "", "an unknown firmware", "at an unknown time")
        return found

    def _path(self, kit: str) -> Path:
        return self._directory / f"{kit}.flashing"

    def _sync(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
