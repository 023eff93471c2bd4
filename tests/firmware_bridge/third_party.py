"""A driver from somebody else's distribution, installed for one test."""

import sys
from pathlib import Path

import pytest

LAMP = '''\
"""A lamp on a rope.

Pulled once, it is on.
"""

from enum import StrEnum

from pydantic import Field

from classroom_profiles.model import Model
from firmware_bridge.driver import DriverKind, Driver, Wires
from firmware_bridge.secret import Secret


class Knot(StrEnum):
    REEF = "reef"
    BOWLINE = "bowline"


class Pull(Model):
    times: int = Field(1, ge=1, le=9, description="how often")


class Options(Model):
    rope: str = Field(description="where the rope hangs")
    knot: Knot = Field(Knot.REEF, description="how it is tied")
    length_m: float = Field(2.0, gt=0, description="how long it is, metres")
    password: Secret | None = Field(None, description="whispered to the lamp")
    pulls: dict[str, Pull] = Field(default_factory=dict, description="by name")


def make(options: Options, wires: Wires) -> Driver:
    raise NotImplementedError


DRIVER = DriverKind(Options, make, {"rope": "left", "pulls": {"on": {"times": 1}}})
'''


def install(monkeypatch: pytest.MonkeyPatch, directory: Path, name: str, source: str) -> None:
    """Until the test ends, the driver `name` is installed with its code in a module of its own."""
    module = f"third_party_{name.replace('-', '_')}"
    (directory / f"{module}.py").write_text(source, encoding="utf-8")
    distribution = directory / f"{module}-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (distribution / "entry_points.txt").write_text(f"[lophoc.drivers]\n{name} = {module}:DRIVER\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, module)
