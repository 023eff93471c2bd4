"""The batches of a whole city's gateways on the real wire, for a few microseconds each: values once, stamps often.

A batch's body does not name its series, so a few dozen bodies, encoded by the gateways' own encoder, serve all
gateways; what differs is the header: the layout's key, the time, the sequence number, and the checksum over them
(`classroom_profiles.telemetry`). A test holds each stamped batch to the decoder.
"""

import random
import struct
import zlib
from collections.abc import Sequence

from classroom_profiles.telemetry import Clock, Layout, Measurement, Run, Series, pack, with_layout
from classroom_profiles.topics import Address

_HEAD = struct.Struct("<BBI4sQIH")
_BODIES = 32
_TEMPLATE_US = 1_790_000_000_000_000
_METRICS = (
    ("co2", "air", "co2_ppm", 400, 1600, 0), ("air", "air", "temperature_c", 25, 33, 1),
    ("air", "air", "humidity_percent", 40, 90, 1), ("air", "air", "pm25_ugm3", 2, 80, 1),
    ("lux", "light-sensor", "illuminance_lux", 10, 900, 0), ("noise", "noise", "level_db", 30, 85, 1),
    ("meter", "power", "power_w", 0, 2400, 1), ("meter", "power", "energy_kwh", 0, 9000, 2),
    ("projector", "projector", "lamp_h", 500, 2500, 0), ("projector", "projector", "power", 0, 1, -1),
    ("lights", "lights", "level_percent", 0, 100, 0), ("lights", "lights", "switch", 0, 1, -1),
    ("fan", "ventilation", "switch", 0, 1, -1), ("screen", "screen", "down", 0, 1, -1),
    ("gateway", "gateway", "cpu_percent", 1, 60, 1), ("gateway", "gateway", "memory_mib", 80, 400, 0),
    ("gateway", "gateway", "journal_points", 0, 200, 0), ("kit-01", "robot-kit", "battery_percent", 30, 100, 0),
    ("kit-02", "robot-kit", "battery_percent", 30, 100, 0), ("window", "window", "open", 0, 1, -1),
)  # fmt: skip
"""Device, role, metric, lowest, highest, decimals; -1: a flag. Any body may be a gateway's next: no bounds are so wide
that the centre's alarm rules see a fire, or so high that a lamp is worn."""


class GatewayBatches:
    """One gateway's part: what its batches differ in from all others'."""

    __slots__ = ("_boot", "_checksum", "_key", "_metrics", "_next", "_room", "address", "knows")

    def __init__(self, address: Address, room: str, boot: str, metrics: int) -> None:
        self.address = address
        self.knows = False
        """True once the centre is known to have the layout."""
        self._room = room
        self._boot = boot
        self._metrics = metrics
        self._next = 0
        layout = self._layout()
        self._key = layout.key
        self._checksum = layout.checksum

    def stamped(self, body: tuple[int, bytes], points: int, time_us: int) -> bytes:
        """The next batch, of `points`, its times counted from `time_us`; with its layout until the centre knows it."""
        flags, content = body
        first, self._next = self._next, self._next + points
        head = _HEAD.pack(2, flags, 0, self._key, time_us, first & 0xFFFFFFFF, first >> 32)
        checksum = zlib.crc32(content, zlib.crc32(head[:2] + head[6:], self._checksum))
        whole = head[:2] + checksum.to_bytes(4, "little") + head[6:] + content
        return whole if self.knows else self.introduced(whole)

    def introduced(self, batch: bytes) -> bytes:
        """The same batch with its layout. It is made again, since 27,000 kept would be a lot."""
        return with_layout(batch, self._layout())

    def _layout(self) -> Layout:
        return Layout.of(self._boot, [(series, True) for series in series_of(self._room, self._metrics)])


def series_of(room: str, metrics: int) -> list[Series]:
    """The series of one room."""
    made = []
    for number in range(metrics):
        device, role, metric, *_ = _METRICS[number % len(_METRICS)]
        again = number // len(_METRICS)
        name = f"{device}-{again + 1}" if again else device
        made.append(Series(Measurement.READING, room, name, role, metric))
    return made


def bodies(metrics: int, points_per_series: int, step_us: int, seed: int) -> Sequence[tuple[int, bytes]]:
    """Flags and body of some batches of `metrics` series, each with so many points, `step_us` apart."""
    source = random.Random(seed)
    layout = Layout.of("template", [(series, True) for series in series_of("a101", metrics)])
    times = [_TEMPLATE_US + step_us * number for number in range(points_per_series)]
    made = []
    for _ in range(_BODIES):
        runs = []
        for number, series in enumerate(layout.series):
            *_, low, high, decimals = _METRICS[number % len(_METRICS)]
            runs.append(Run(series, True, times, _walk(source, low, high, decimals, points_per_series)))
        packed = pack(layout, Clock.TRUSTED, 0, metrics * points_per_series - 1, runs)
        made.append((packed[1], packed[_HEAD.size :]))
    return made


def _walk(source: random.Random, low: int, high: int, decimals: int, points: int) -> list[bool | float | str]:
    """A flag that seldom changes, or a number that wanders between its bounds."""
    if decimals < 0:
        flag = source.random() < 0.5
        return [flag ^ (source.random() < 0.05) for _ in range(points)]
    value, width = source.uniform(low, high), (high - low) / 50
    values: list[bool | float | str] = []
    for _ in range(points):
        value = min(high, max(low, value + source.gauss(0, width)))
        values.append(round(float(value), decimals))
    return values
