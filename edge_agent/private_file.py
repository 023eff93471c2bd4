"""A small file that only we can read, written for good or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write(file: Path, content: Any) -> None:
    """As JSON. Raises OSError; what was there before is then still there."""
    write_bytes(file, json.dumps(content, indent=1).encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Raises OSError; what was there before is then still there."""
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
    made = Path(name)
    try:
        with os.fdopen(number, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        made.replace(file)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
