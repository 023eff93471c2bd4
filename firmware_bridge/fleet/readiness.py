"""Before the bell: is each kit there, does it answer, with which firmware, how full is its battery, what is on it?

Opening a kit stops the program that runs on it.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from packaging.specifiers import SpecifierSet

from classroom_profiles.reading import Reading
from firmware_bridge.driver import Driver
from firmware_bridge.fleet.each import Patience, for_each
from firmware_bridge.fleet.kits import Identified, Kit
from firmware_bridge.fleet.library import LibraryProgram
from firmware_bridge.fleet.outcome import Outcome, Progress, State, Told
from firmware_bridge.programs import Installed, Programmable

_READ_S = 2.0
"""How long a battery may take to be measured."""
LOW_BATTERY_PERCENT = 30.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """One kit."""

    kit: str
    ok: bool
    problems: tuple[str, ...] = ()
    """What somebody has to do something about, each a sentence."""
    board: str = ""
    """The serial number of its USB chip, if it has one."""
    firmware: str = ""
    battery_percent: float | None = None
    programs: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    """What one kit said."""

    problems: list[str] = field(default_factory=list)
    firmware: str = ""
    battery_percent: float | None = None
    programs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """All kits, in the room's order, and what else is plugged in."""

    kits: tuple[Readiness, ...]
    strangers: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return all(kit.ok for kit in self.kits)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "kits": [asdict(kit) for kit in self.kits], "strangers": list(self.strangers)}


async def check(
    kits: Iterable[Kit],
    identified: Identified,
    *,
    program: LibraryProgram | None = None,
    half_flashed: Mapping[str, str] | None = None,
    low_battery_percent: float = LOW_BATTERY_PERCENT,
    told: Told = lambda _: None,
) -> ReadinessReport:
    """`program`: the kits that hold programs must hold this one. `half_flashed`: kits whose flashing did not end."""
    every = tuple(kits)
    seen = {kit.id: _Seen() for kit in every}

    async def one(kit: Kit, told: Told) -> Outcome:
        told(Progress(kit.id, "checking"))
        async with kit.opened() as driver:
            await _look(kit, driver, seen[kit.id], program, low_battery_percent)
        return Outcome(kit.id, State.DONE)

    there = [kit for kit in every if kit.id not in identified.missing]
    report = await for_each(there, one, told, Patience(attempts=2, attempt_s=60.0, back_s=1.0))
    for outcome in report.outcomes:
        if outcome.state is State.FAILED:
            seen[outcome.kit].problems.insert(0, outcome.words)
    for kit in every:
        if kit.id in identified.missing:
            seen[kit.id].problems.insert(0, identified.missing[kit.id])
        if words := (half_flashed or {}).get(kit.id):
            seen[kit.id].problems.insert(0, words)
    strangers = tuple(
        f"{p.device}: {p.product or p.usb_id}, usb:{p.serial_number or '-'}" for p in identified.strangers
    )
    return ReadinessReport(tuple(_readiness(kit, seen[kit.id], identified) for kit in every), strangers)


def _readiness(kit: Kit, seen: _Seen, identified: Identified) -> Readiness:
    board = identified.found.get(kit.id)
    number = board.serial_number or "" if board else ""
    return Readiness(
        kit.id, not seen.problems, tuple(seen.problems), number, seen.firmware, seen.battery_percent, seen.programs
    )


async def _look(kit: Kit, driver: Driver, seen: _Seen, program: LibraryProgram | None, low_percent: float) -> None:
    """Raises DeviceError."""
    values = await _first_values(kit, driver)
    seen.firmware = str(values.get("firmware", ""))
    if isinstance(battery := values.get("battery_percent"), int | float):
        seen.battery_percent = float(battery)
        if battery < low_percent:
            seen.problems.append(f"its battery is at {battery:.0f} %; charge it (it should have {low_percent:.0f} %)")
    elif kit.battery:
        seen.problems.append("its battery cannot be measured")
    if not isinstance(driver, Programmable):
        return
    seen.programs = tuple(str(one) for one in driver.installed)
    for one in driver.installed:
        if damaged := await driver.damaged(one.name):
            seen.problems.append(f"{one} is damaged ({', '.join(damaged)}); deploy it again")
    if program is not None:
        if program.firmware and not SpecifierSet(program.firmware).contains(driver.release, prereleases=True):
            seen.problems.append(
                f"{program.name} is for firmware {program.firmware}, it has {driver.release}; flash it"
            )
        wanted = Installed(program.name, program.version)
        if wanted not in driver.installed:
            seen.problems.append(f"it does not have {wanted}; deploy it")


async def _first_values(kit: Kit, driver: Driver) -> dict[str, Any]:
    wanted = {"firmware", "battery_percent"} if kit.battery else {"firmware"}
    values: dict[str, Any] = {}
    changes = driver.changes()
    try:
        async with asyncio.timeout(_READ_S):
            async for change in changes:
                if isinstance(change, Reading):
                    values[change.metric] = change.value
                if wanted <= values.keys():
                    break
    except TimeoutError:
        pass
    finally:
        if isinstance(changes, AsyncGenerator):
            await changes.aclose()
    return values
