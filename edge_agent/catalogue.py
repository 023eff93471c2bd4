"""The catalogue on a gateway: what the centre publishes is checked, staged, and applied when it disturbs nobody.

    uplink, or a technician's file ─► checked ─► staged ─► (no lesson is on) ─► current ─► previous

Each of the three is a sealed file, whose signature is looked at again whenever it is read: what the disk has changed is
no catalogue. Without the Internet the room keeps its last good one, for years if need be; without any, it has the
profiles that it was installed with.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from classroom_profiles import catalogue
from classroom_profiles.capability import Value
from classroom_profiles.catalogue import Bundle, WrongCatalogue
from classroom_profiles.profile import Profile
from classroom_profiles.telemetry import Measurement, Point, Series
from classroom_profiles.timetable import Entry
from edge_agent import private_file, trusted_keys
from edge_agent.gateway_points import ROLE
from edge_agent.trusted_keys import WrongKey

FOLDER = "catalogue"
INCOMING = "incoming"
"""A technician's file is put there under this name."""
LOOK_S = 2.0
TELL_US = 600_000_000
"""What holds is told again every ten minutes."""

_CURRENT, _STAGED, _PREVIOUS = "current", "staged", "previous"

_log = logging.getLogger("lophoc.catalogue")


@dataclass(frozen=True, slots=True)
class Held:
    """A bundle that was checked, and its profiles."""

    bundle: Bundle
    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands. Serials are 0 where there is none; `problem` is the code of the last refusal, or empty."""

    serial: int
    staged: int
    problem: str


class Catalogue:
    """`run` applies and tells; `take` may be called from anywhere on the loop."""

    def __init__(
        self,
        data: Path,
        school: str,
        installed: Sequence[Profile],
        *,
        is_safe: Callable[[], bool],
        record: Callable[[Iterable[Point]], None],
        changed: Callable[[], None],
        place: tuple[str, str],
        clock_us: Callable[[], int],
        look_s: float = LOOK_S,
    ) -> None:
        """`installed`: the profiles of the software and of the technician. `is_safe`: would a change disturb nobody
        now? `place`: room and gateway, for what is recorded. `changed` is called when other profiles hold."""
        self._data = data
        self._folder = data / FOLDER
        self._school = school
        self._installed = tuple(installed)
        self._is_safe = is_safe
        self._record = record
        self._changed = changed
        self._place = place
        self._clock_us = clock_us
        self._look_s = look_s
        self._current: Held | None = None
        self._staged: Held | None = None
        self._problem = ""
        self._told: tuple[Standing, int] | None = None
        self._profiles: dict[str, Profile] = {profile.id: profile for profile in installed}
        self._arrived = asyncio.Event()
        self._waiting: bytes | None = None

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """By id, in the order to show them. Always the same mapping: a catalogue changes its content."""
        return self._profiles

    @property
    def timetable(self) -> tuple[Entry, ...]:
        """Of the whole school; empty if none was published."""
        return () if self._current is None else self._current.bundle.timetable

    @property
    def standing(self) -> Standing:
        return Standing(_serial(self._current), _serial(self._staged), self._problem)

    def load(self) -> None:
        """What was kept. Blocking; before the loop runs. What cannot be read is said, and the one before it holds."""
        for name in (_CURRENT, _PREVIOUS):
            self._current = self._kept(name)
            if self._current is not None:
                break
        self._staged = self._kept(_STAGED)
        if _serial(self._staged) <= _serial(self._current):
            self._staged = None
        self._show()

    def take(self, sealed: bytes) -> None:
        """Something came from the centre. Returns at once; the newest counts."""
        self._waiting = sealed
        self._arrived.set()

    async def run(self) -> None:
        """Forever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._arrived.wait()
            self._arrived.clear()
            sealed, self._waiting = self._waiting, None
            if sealed is not None:
                await asyncio.to_thread(self._stage, sealed)
            await asyncio.to_thread(self._look_for_a_file)
            if self._staged is not None and self._is_safe():
                await asyncio.to_thread(self._apply)
                self._show()
                self._changed()
            self._tell()

    # --- in a thread ---

    def checked(self, sealed: bytes) -> Held:
        """Raises WrongCatalogue."""
        parts = catalogue.parts(sealed)
        try:
            keys = trusted_keys.trusted(self._data)
        except (WrongKey, OSError) as wrong:
            raise WrongCatalogue("key", f"the trusted keys cannot be read: {wrong}") from wrong
        trusted_keys.check(parts, keys)
        bundle = catalogue.unpacked(parts.payload)
        if bundle.school != self._school:
            raise WrongCatalogue("school", f"it is for the school {bundle.school!r}, this one is {self._school!r}")
        return Held(bundle, catalogue.checked(bundle))

    def _stage(self, sealed: bytes) -> None:
        try:
            held = self.checked(sealed)
            newest = max(_serial(self._current), _serial(self._staged))
            if held.bundle.serial < newest:
                raise WrongCatalogue("old", f"its serial is {held.bundle.serial}, {newest} is here already")
            if held.bundle.serial > newest:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                private_file.write_bytes(self._folder / _STAGED, sealed)
                self._staged = held
                _log.info("catalogue %d is here; it is applied when no lesson is on", held.bundle.serial)
        except WrongCatalogue as wrong:
            self._refuse(wrong.code, str(wrong))
        except OSError as why:
            self._refuse("disk", f"it cannot be kept: {why.strerror}")
        else:
            self._problem = ""

    def _look_for_a_file(self) -> None:
        incoming = self._folder / INCOMING
        try:
            with incoming.open("rb") as opened:
                sealed = opened.read(catalogue.MOST_BYTES + 1)
            incoming.unlink()
        except OSError:
            return
        self._stage(sealed)

    def _apply(self) -> None:
        """Renames only: at every moment one of the files is whole."""
        staged = self._staged
        try:
            with suppress(FileNotFoundError):
                (self._folder / _CURRENT).replace(self._folder / _PREVIOUS)
            (self._folder / _STAGED).replace(self._folder / _CURRENT)
        except OSError as why:
            self._refuse("disk", f"it cannot be applied: {why.strerror}")
        self._current, self._staged = staged, None
        _log.info("catalogue %d holds", _serial(staged))

    def _kept(self, name: str) -> Held | None:
        try:
            return self.checked((self._folder / name).read_bytes()[: catalogue.MOST_BYTES + 1])
        except FileNotFoundError:
            return None
        except WrongCatalogue as wrong:
            self._refuse(wrong.code, f"{name}: {wrong}")
        except OSError as why:
            self._refuse("disk", f"{name} cannot be read: {why.strerror}")
        return None

    def _refuse(self, code: str, text: str) -> None:
        if self._problem != code:
            _log.warning("a catalogue is not taken: %s", text)
        self._problem = code

    # --- what others see ---

    def _show(self) -> None:
        published = () if self._current is None else self._current.profiles
        shown = catalogue.together(self._installed, published)
        self._profiles.clear()
        self._profiles.update({profile.id: profile for profile in shown})

    def _tell(self) -> None:
        now_us, standing = self._clock_us(), self.standing
        if self._told is not None and self._told[0] == standing and abs(now_us - self._told[1]) < TELL_US:
            return
        self._told = (standing, now_us)
        room, gateway = self._place
        values: dict[str, Value] = {
            "catalogue": float(standing.serial),
            "catalogue_staged": float(standing.staged),
            "catalogue_problem": standing.problem,
        }
        self._record(
            Point(Series(Measurement.GATEWAY, room, gateway, ROLE, metric), now_us, value)
            for metric, value in values.items()
        )


def _serial(held: Held | None) -> int:
    return 0 if held is None else held.bundle.serial
