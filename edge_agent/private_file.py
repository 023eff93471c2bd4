"""A small JSON file that only we can read, written for good or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write(file: Path, content: Any) -> None:
    """Raises OSError; what was there before is then still there."""
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
    made = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as out:
            json.dump(content, out, indent=1)
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
