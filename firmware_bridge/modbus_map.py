"""What a Modbus device measures, as a map: where each value is and how it is written. No I/O but its file.

The maps that come with lophoc are in `modbus_maps`; one of your own is a file of the same form.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from classroom_profiles import plain_words, yaml_tree
from classroom_profiles.model import Model
from classroom_profiles.problem import DocumentError, did_you_mean

_HERE = Path(__file__).parent / "modbus_maps"
MOST = 125
"""Registers in one answer (Modbus Application Protocol 1.1b3, section 6.3)."""
_LAST = 0xFFFF
_TINY = 1e-6
"""A float below it, but not 0, is one whose bytes came in another order."""

Metric = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]


class Table(StrEnum):
    """Which of a device's tables: function code 4 or 3."""

    INPUT = "input"
    HOLDING = "holding"


class Type(StrEnum):
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"

    @property
    def registers(self) -> int:
        return 1 if self in (Type.INT16, Type.UINT16) else 2


class Order(StrEnum):
    """How the bytes of 0xAABBCCDD follow one another on the wire; of 0xAABB in a register, as its first two do."""

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"


_FORMAT = {Type.INT16: ">h", Type.UINT16: ">H", Type.INT32: ">i", Type.UINT32: ">I", Type.FLOAT32: ">f"}
_SWAPPED = (Order.BADC, Order.DCBA)
_LOW_FIRST = (Order.CDAB, Order.DCBA)


class Spot(Model):
    """Where a value is, how it is written, and what it can be."""

    at: int = Field(ge=0, le=_LAST, description="its register as on the wire, from 0")
    type: Type = Field(Type.UINT16, description="int16, uint16, int32, uint32 or float32")
    table: Table | None = Field(None, description="input or holding, where it is not in the map's own table")
    order: Order | None = Field(None, description="the order of its bytes, where it is not the map's own")
    scale: float = Field(1.0, gt=0, le=1e6, description="what one step is worth in the unit of its name")
    low: float = Field(description="the least it can measure; below, the device is faulty or the map is wrong")
    high: float = Field(description="the most it can measure")

    @model_validator(mode="after")
    def _low_is_less(self) -> Self:
        if self.high <= self.low:
            raise ValueError("'high' must be more than 'low'")
        return self

    @property
    def end(self) -> int:
        """The first register after it."""
        return self.at + self.type.registers

    def value(self, registers: Sequence[int], order: Order) -> float | None:
        """In the unit of its name; None if it is nothing that the device can measure."""
        order = self.order or order
        words = [_swapped(one) if order in _SWAPPED else one for one in registers]
        if order in _LOW_FIRST:
            words.reverse()
        (raw,) = struct.unpack(_FORMAT[self.type], struct.pack(f">{len(words)}H", *words))
        value = float(raw) * self.scale
        if self.type is Type.FLOAT32 and 0 < abs(raw) < _TINY:
            return None
        if not math.isfinite(value) or not self.low <= value <= self.high:
            return None
        return round(value, self._digits)

    @property
    def _digits(self) -> int:
        if self.type is Type.FLOAT32:
            return 3
        return max(0, -math.floor(math.log10(self.scale)))


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that are asked for in one go."""

    table: Table
    first: int
    count: int
    metrics: tuple[str, ...]


class RegisterMap(Model):
    about: str = Field(min_length=1, description="which devices this is for")
    source: str = Field(min_length=1, description="the document that says so")
    baudrate: int = Field(9600, ge=300, le=921_600, description="bits a second, as it leaves the factory")
    parity: Literal["N", "E", "O"] = Field("N", description="none, even or odd")
    stopbits: Literal[1, 2] = Field(1, description="stop bits")
    slave: int = Field(1, ge=1, le=247, description="its address, as it leaves the factory")
    table: Table = Field(description="input or holding")
    order: Order = Field(
        Order.ABCD, description="abcd as Modbus has it; cdab: the low register first; badc, dcba: bytes swapped too"
    )
    gap: int = Field(0, ge=0, le=MOST, description="so many registers between two values may be read in passing")
    most: int = Field(MOST, ge=2, le=MOST, description="so many registers it gives in one answer")
    readings: dict[Metric, Spot] = Field(
        min_length=1, max_length=64, description="by metric, whose name ends in the unit: temperature_c"
    )

    @model_validator(mode="after")
    def _spots_are_there(self) -> Self:
        for metric, spot in self.readings.items():
            if spot.end > _LAST + 1:
                raise ValueError(f"readings.{metric}: a {spot.type} at {spot.at} ends after the last register")
        return self

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every reading, in as few questions as the device allows."""
        spots = [(spot.table or self.table, spot.at, spot.end, name) for name, spot in self.readings.items()]
        blocks: list[Block] = []
        for table, first, end, name in sorted(spots):
            last = blocks[-1] if blocks else None
            if last is not None and last.table is table and first - (last.first + last.count) <= self.gap:
                count = max(last.first + last.count, end) - last.first
                if count <= self.most:
                    blocks[-1] = Block(table, last.first, count, (*last.metrics, name))
                    continue
            blocks.append(Block(table, first, end - first, (name,)))
        return tuple(blocks)

    def values(self, block: Block, registers: Sequence[int]) -> dict[str, float | None]:
        """What the registers of a block say; None for what cannot be."""
        found: dict[str, float | None] = {}
        for metric in block.metrics:
            spot = self.readings[metric]
            own = registers[spot.at - block.first : spot.end - block.first]
            found[metric] = spot.value(own, self.order)
        return found


def map_names() -> list[str]:
    """The maps that come with lophoc."""
    return sorted(path.stem for path in _HERE.glob("*.yaml"))


@cache
def load_map(name: str) -> RegisterMap:
    """The map of that name, or in the file at that path (with a / in it). Raises DocumentError or KeyError."""
    if "/" not in name and name not in map_names():
        raise KeyError(f"no map '{name}'{did_you_mean(name, map_names())}; or the path of a file of your own")
    tree = yaml_tree.read(Path(name) if "/" in name else _HERE / f"{name}.yaml")
    try:
        loaded = RegisterMap.model_validate(tree.value)
    except ValidationError as wrong:
        raise DocumentError([*tree.problems, *plain_words.problems(tree, wrong, RegisterMap)]) from wrong
    if tree.problems:
        raise DocumentError(tree.problems)
    return loaded


def _swapped(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8
