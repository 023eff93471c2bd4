"""One job for every kit at the same time, each tried a bounded number of times and waited for while it is gone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from firmware_bridge.errors import DeviceError, NotNow, Refused, Timeout
from firmware_bridge.fleet.kits import Kit
from firmware_bridge.fleet.outcome import Outcome, Progress, Report, State, Told
from firmware_bridge.transports.ports import USB, device_of, seen

_LOOK_S = 0.2
"""How often we look whether a kit is plugged in again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often."""

    attempts: int = 3
    attempt_s: float = 120.0
    """For one attempt at one kit."""
    back_s: float = 20.0
    """How long a kit that was unplugged may take to come back, before the next attempt."""
    at_once: int = 32
    """So many kits at the same time."""


Job = Callable[[Kit, Told], Awaitable[Outcome]]
"""Raises DeviceError."""


async def for_each(kits: Iterable[Kit], job: Job, told: Told, patience: Patience) -> Report:
    """The outcome of each. A DeviceError fails its kit alone; Refused and NotNow are not tried again."""
    turn = asyncio.Semaphore(patience.at_once)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(kit, job, told, patience, turn), name=f"kit {kit.id}") for kit in kits]
    return Report(tuple(task.result() for task in tasks))


async def _one(kit: Kit, job: Job, told: Told, patience: Patience, turn: asyncio.Semaphore) -> Outcome:
    async with turn:
        outcome = await _tried(kit, job, told, patience)
    told(Progress(kit.id, str(outcome.state), words=outcome.words))
    return outcome


async def _tried(kit: Kit, job: Job, told: Told, patience: Patience) -> Outcome:
    last: DeviceError = Timeout("it was never tried")
    attempt = 0
    while attempt < patience.attempts:
        attempt += 1
        try:
            async with asyncio.timeout(patience.attempt_s):
                return replace(await job(kit, told), attempts=attempt)
        except (Refused, NotNow) as no:
            return Outcome(kit.id, State.FAILED, str(no), no.code, no.reason, attempts=attempt)
        except TimeoutError:
            last = Timeout(f"it was not done in {patience.attempt_s:g} s")
        except DeviceError as error:
            last = error
        if attempt < patience.attempts:
            told(Progress(kit.id, "waiting", words=f"{last}; attempt {attempt} of {patience.attempts}"))
            if not await _back(kit, patience.back_s):
                last = type(last)(f"{last}; it did not come back in {patience.back_s:g} s")
                break
    return Outcome(kit.id, State.FAILED, str(last), last.code, last.reason, attempts=attempt)


async def _back(kit: Kit, within_s: float) -> bool:
    """Wait until its port is there. One that is there all the time gets a moment to come to its senses."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while loop.time() < until:  # the system wakes nobody for a new port
        await asyncio.sleep(min(_LOOK_S, within_s))
        if await asyncio.to_thread(is_there, kit.port):
            return True
    return False


def is_there(port: str) -> bool:
    """Whether a kit's port exists now."""
    try:
        return Path(device_of(port, seen() if port.startswith(USB) else ())).exists()
    except DeviceError:
        return False
