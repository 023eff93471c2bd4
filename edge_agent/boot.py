"""The name of this boot of the machine, by which the centre knows that sequence numbers belong together."""

import uuid
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id(file: Path = _BOOT_ID) -> str:
    """36 characters. Where the kernel does not name its boots, each process counts as one."""
    try:
        return str(uuid.UUID(file.read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        return str(uuid.uuid4())
