"""The versions that decide the bits of a run."""

import platform
from functools import cache
from importlib.metadata import version


@cache
def software() -> dict[str, str]:
    named = {name: version(name) for name in ("lophoc", "numpy", "scipy")}
    return {**named, "python": platform.python_version(), "machine": platform.machine()}
