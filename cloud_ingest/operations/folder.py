"""Where the operations centre keeps its own files, if nobody says otherwise."""

import os
from pathlib import Path


def ops_folder() -> Path:
    """`$LOPHOC_OPS_DATA`, else `$XDG_STATE_HOME/lophoc/ops`."""
    if said := os.environ.get("LOPHOC_OPS_DATA"):
        return Path(said)
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "lophoc" / "ops"
