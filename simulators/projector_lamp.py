"""A projector's lamp: it takes its time to warm up and to cool down, and counts its hours.

     turn_on            warm_up_s           turn_off          cool_down_s
off ---------> warming -----------> on ----------> cooling -------------> off
"""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

Power = Literal["off", "warming", "on", "cooling"]

_STUCK_LOOK_S = 0.05


class Lamp:
    """One lamp. Its owner decides what may be asked of it in which state."""

    def __init__(
        self,
        warm_up_s: float,
        cool_down_s: float,
        hours: float,
        changed: Callable[[], None],
        stuck: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stuck()`: while true, the lamp never ends warming up."""
        self.power: Power = "off"
        self.warm_up_s = warm_up_s
        self.cool_down_s = cool_down_s
        self._hours_before = hours
        self._lit_since: float | None = None
        self._changed = changed
        self._stuck = stuck
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lit(self) -> bool:
        return self.power in ("warming", "on")

    @property
    def hours(self) -> float:
        """How long it has burned, in hours."""
        lit_s = 0.0 if self._lit_since is None else time.monotonic() - self._lit_since
        return self._hours_before + lit_s / 3600

    def turn_on(self) -> None:
        """Begin to warm up; nothing if it is lit. Not to be asked of a cooling lamp."""
        if not self.lit:
            self._lit_since = time.monotonic()
            self._enter("warming", self.warm_up_s, self._warm)

    def turn_off(self) -> None:
        """Begin to cool down; nothing if it is dark."""
        if self.lit:
            self._hours_before, self._lit_since = self.hours, None
            self._enter("cooling", self.cool_down_s, self._cold)

    def set_steady(self, on: bool) -> None:
        """Be on or off at once, as a device that a test finds in that state."""
        self.close()
        self._hours_before, self._lit_since = self.hours, time.monotonic() if on else None
        self.power = "on" if on else "off"
        self._changed()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _enter(self, state: Power, for_s: float, then: Callable[[], None]) -> None:
        self.close()
        self.power = state
        self._timer = asyncio.get_running_loop().call_later(for_s, then)
        self._changed()

    def _warm(self) -> None:
        if self._stuck():
            self._timer = asyncio.get_running_loop().call_later(_STUCK_LOOK_S, self._warm)
            return
        self._timer = None
        self.power = "on"
        self._changed()

    def _cold(self) -> None:
        self._timer = None
        self.power = "off"
        self._changed()
