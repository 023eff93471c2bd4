"""Give a program to all kits at once, run it, or stop them all: per kit what it confirmed, or why not.

A kit that holds the version already, undamaged, is left as it is. One that cannot hold programs (Firmata) is skipped,
and made ready if the programs are to run.
"""

from collections.abc import Callable, Iterable

from packaging.specifiers import SpecifierSet

from classroom_profiles.capability import NO_PROGRAM, WORDS, Capability, Command, Target
from firmware_bridge.driver import Driver
from firmware_bridge.errors import Refused
from firmware_bridge.fleet.each import Patience, for_each
from firmware_bridge.fleet.kits import Kit
from firmware_bridge.fleet.outcome import Outcome, Progress, Report, State, Told
from firmware_bridge.programs import Bundle, Installed, Programmable

_ROBOT, _PROGRAM = Target(Capability.ROBOT), Target(Capability.PROGRAM)
_IDLE, _READY = WORDS[Capability.ROBOT]
_PATIENCE = Patience()
_STOP_PATIENCE = Patience(attempts=2, attempt_s=15.0, back_s=5.0, at_once=1000)
"""All at the same moment: none waits for one that is slow."""


class OtherFirmware(Refused):
    """The program is for another firmware than the kit has."""

    reason = "other-firmware"


class NotOnKit(Refused):
    """The kit does not have the program."""

    reason = "not-on-kit"


async def deploy(
    kits: Iterable[Kit],
    bundle: Bundle,
    *,
    firmware: str = "",
    run: bool = False,
    told: Told = lambda _: None,
    patience: Patience = _PATIENCE,
) -> Report:
    """`firmware`: the range that the program is for, as `>=1.20,<2`; a kit outside it is not touched."""

    async def one(kit: Kit, told: Told) -> Outcome:
        return await _deploy(kit, bundle, firmware, run, told)

    return await for_each(kits, one, told, patience)


async def start(
    kits: Iterable[Kit], program: str, *, told: Told = lambda _: None, patience: Patience = _PATIENCE
) -> Report:
    """Run what a kit has already under that name; it is verified first. A kit without programs gets ready."""

    async def one(kit: Kit, told: Told) -> Outcome:
        told(Progress(kit.id, "opening"))
        async with kit.opened() as driver:
            if not isinstance(driver, Programmable):
                await _be_ready(kit, driver, told)
                return Outcome(kit.id, State.DONE, running=_READY)
            found = next((one for one in driver.installed if one.name == program), None)
            if found is None:
                raise NotOnKit(f"it does not have {program}; deploy it")
            await _be_ready(kit, driver, told)
            await driver.command(Command(_PROGRAM, program))
            return Outcome(kit.id, State.DONE, program=str(found), running=program)

    return await for_each(kits, one, told, patience)


async def stop(kits: Iterable[Kit], *, told: Told = lambda _: None, patience: Patience = _STOP_PATIENCE) -> Report:
    """No program runs and every robot is idle; each kit has confirmed it, or is named."""
    return await for_each(kits, _stop, told, patience)


async def _deploy(kit: Kit, bundle: Bundle, firmware: str, run: bool, told: Told) -> Outcome:
    told(Progress(kit.id, "opening"))
    async with kit.opened() as driver:
        if not isinstance(driver, Programmable):
            if not run:
                return Outcome(kit.id, State.SKIPPED, f"a kit with {kit.driver} holds no programs; flash it instead")
            await _be_ready(kit, driver, told)
            return Outcome(kit.id, State.DONE, running=_READY)
        _check_firmware(driver.release, bundle, firmware)
        told(Progress(kit.id, "checking"))
        wanted = Installed(bundle.name, bundle.version)
        damaged = await driver.damaged(bundle.name)
        unchanged = wanted in driver.installed and not damaged
        if not unchanged:
            await driver.install(bundle, _counted(kit.id, bundle.size_bytes, told))
        if run:
            await _be_ready(kit, driver, told)
            await driver.command(Command(_PROGRAM, bundle.name))
        state = State.UNCHANGED if unchanged else State.DONE
        return Outcome(kit.id, state, program=str(wanted), running=bundle.name if run else "")


async def _stop(kit: Kit, told: Told) -> Outcome:
    told(Progress(kit.id, "stopping"))
    async with kit.opened() as driver:
        targets = [control.target for control in driver.controls]
        if _ROBOT not in targets:
            return Outcome(kit.id, State.SKIPPED, f"a kit with {kit.driver} has no robot to stop")
        if _PROGRAM in targets:
            await driver.command(Command(_PROGRAM, NO_PROGRAM))
        await driver.command(Command(_ROBOT, _IDLE))
        return Outcome(kit.id, State.DONE)


async def _be_ready(kit: Kit, driver: Driver, told: Told) -> None:
    told(Progress(kit.id, "starting"))
    await driver.command(Command(_ROBOT, _READY))


def _check_firmware(release: str, bundle: Bundle, firmware: str) -> None:
    """Raises Refused."""
    if firmware and not SpecifierSet(firmware).contains(release, prereleases=True):
        raise OtherFirmware(
            f"{bundle.name} {bundle.version} is for firmware {firmware}, and this kit has {release}; flash it"
        )


def _counted(kit: str, size: int, told: Told) -> Callable[[int], None]:
    arrived = 0

    def more(count: int) -> None:
        nonlocal arrived
        arrived += count
        told(Progress(kit, "sending", 100 * arrived // max(1, size)))

    return more
