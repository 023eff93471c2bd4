"""A wire that behaves as the faults say: late, in pieces, half, rubbish or not at all. Order is always kept."""

import asyncio
import random
from collections.abc import Callable

from simulators.faults import Faults

WIRE_FAULTS: dict[str, str] = {
    "drop": "loses the second half of everything it sends",
    "slow": "sends late",
    "garbage": "sends rubbish instead",
    "silent": "sends nothing at all",
    "split": "sends byte by byte",
}

_BYTE_S = 0.001


class BadWire:
    """Passes bytes on to `write`, injured by those of WIRE_FAULTS that are set at that moment."""

    def __init__(self, write: Callable[[bytes], None], faults: Faults, slow_s: float, seed: int = 1) -> None:
        self._write = write
        self._faults = faults
        self._slow_s = slow_s
        self._noise = random.Random(seed)
        self._free_at = 0.0
        self._timers: dict[float, asyncio.TimerHandle] = {}

    def send(self, data: bytes) -> None:
        if "silent" in self._faults or not data:
            return
        if "garbage" in self._faults:
            data = bytes(self._noise.choice(range(256)) for _ in data)
        if "drop" in self._faults:
            data = data[: len(data) // 2]
        loop = asyncio.get_running_loop()
        late_s = self._slow_s if "slow" in self._faults else 0.0
        if "split" in self._faults:
            for byte in data:
                self._at(max(loop.time() + late_s, self._free_at + _BYTE_S), bytes([byte]))
        elif late_s or self._timers:
            self._at(max(loop.time() + late_s, self._free_at + _BYTE_S), data)
        else:
            self._write(data)

    def close(self) -> None:
        """What is still on its way is lost."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _at(self, when: float, data: bytes) -> None:
        self._free_at = when
        self._timers[when] = asyncio.get_running_loop().call_at(when, self._arrive, when, data)

    def _arrive(self, when: float, data: bytes) -> None:
        del self._timers[when]
        self._write(data)
