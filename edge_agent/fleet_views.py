"""The JSON of the robot kits' routes: kits, their work, the library; field by field as in the OpenAPI description."""

from functools import lru_cache

from packaging.specifiers import SpecifierSet
from pydantic import Field

from classroom_profiles.model import Name
from edge_agent.fleet_desk import FleetDesk
from edge_agent.fleet_work import Held, Job, Kind, Work, WorkState
from edge_agent.live_room import KnownDevice
from edge_agent.supervisor import LENT
from edge_agent.views import HealthView, View
from firmware_bridge.fleet.kits import kits_of
from firmware_bridge.fleet.readiness import LOW_BATTERY_PERCENT
from firmware_bridge.programs import Programmable


class HeldView(View):
    """A program that a kit has."""

    name: str
    version: str
    whole: bool | None = Field(
        description="its files are by SHA-256 what was installed; null: not asked since the kit was opened"
    )
    damaged: tuple[str, ...] = Field(description="the files that are not")


class ProblemView(View):
    """Something about a kit that somebody has to do something about."""

    code: str = Field(
        description="not-opened, low-battery, no-battery, half-flashed, damaged, program-error, or a health's reason"
    )
    detail: str = Field("", description="English, for technicians")


class WorkView(View):
    """What a kit is made to do, or was last."""

    job: str
    kind: Kind
    what: str = Field(description="the program's or the firmware's name; empty where there is none")
    version: str
    run: bool
    state: WorkState
    phase: str = Field(
        description="while it goes on: opening, checking, sending, starting, waiting (to be tried again, or for its "
        "turn), stopping, connecting, writing, verifying; else empty"
    )
    percent: int | None = Field(description="of what is sent or written; null where that is not known")
    code: str = Field(description="of a failure: stable, as in docs/api.md")
    reason: str = Field(description="of a failure, where more is known: board-full, other-firmware, several-boards …")
    detail: str = Field(description="English, for technicians")
    attempts: int
    began: float = Field(description="seconds since 1970-01-01 UTC")
    ended: float | None


class KitView(View):
    id: str
    name: Name
    driver: str
    group: str = Field(description="empty where it is in none")
    simulated: bool
    holds_programs: bool = Field(description="false for a kit that can only be flashed, or was never open")
    health: HealthView
    ok: bool = Field(description="ready for the bell: open, charged, nothing damaged or half flashed")
    problems: tuple[ProblemView, ...]
    firmware: str = Field(description="as it says itself; empty while it is not known")
    release: str = Field(description="the version of its firmware; empty while it is not known")
    battery_percent: float | None
    robot: str = Field(description="idle or ready; empty while it is not known")
    program: str = Field(description="what runs; 'none' when nothing does, empty while it is not known")
    program_error: str = Field(description="why the last program ended early; empty if it did not")
    holds: tuple[HeldView, ...] = Field(description="of a kit that is not open: as it was last seen")
    other_firmware: tuple[str, ...] = Field(description="programs of the library that are not for its firmware")
    work: WorkView | None


class ProgramView(View):
    name: str
    version: str
    title: Name | None
    firmware: str = Field(description="the range that it is for, as '>=1.20,<2'; empty: any")


class FirmwareView(View):
    name: str
    version: str
    tool: str


class LibraryView(View):
    programs: tuple[ProgramView, ...]
    firmwares: tuple[FirmwareView, ...]
    problems: tuple[str, ...] = Field(description="why it cannot be used, with file, line and field; empty if it can")


class JobView(View):
    """The last wish for several kits; each kit's part in it is in its `work`."""

    id: str
    kind: Kind
    what: str
    version: str
    run: bool
    kits: tuple[str, ...]
    began: float
    ended: float | None = Field(description="null while any kit is at it")


class FleetView(View):
    groups: tuple[str, ...]
    kits: tuple[KitView, ...]
    library: LibraryView
    job: JobView | None


class FleetViews:
    def __init__(self, desk: FleetDesk) -> None:
        self._desk = desk
        self._kits = {kit.id: kit for kit in kits_of(desk.live.room)}

    def has(self, kit: str) -> bool:
        return kit in self._kits

    def __bool__(self) -> bool:
        """Whether the room has robot kits."""
        return bool(self._kits)

    def fleet(self) -> FleetView:
        manifest, problems = self._desk.shelf.manifest, self._desk.shelf.problems
        return FleetView(
            groups=tuple(dict.fromkeys(kit.group for kit in self._kits.values() if kit.group)),
            kits=tuple(map(self.kit, self._kits)),
            library=LibraryView(
                programs=tuple(
                    ProgramView(name=one.name, version=one.version, title=one.title, firmware=one.firmware)
                    for one in manifest.programs
                ),
                firmwares=tuple(
                    FirmwareView(name=one.name, version=one.version, tool=one.tool) for one in manifest.firmwares
                ),
                problems=problems,
            ),
            job=job_view(self._desk.job),
        )

    def kit(self, kit_id: str) -> KitView:
        """Raises KeyError."""
        kit, desk = self._kits[kit_id], self._desk
        known, holds, work = desk.live.device(kit_id), desk.holds(kit_id), desk.work(kit_id)
        problems = tuple(self._problems(kit_id, known, holds, work))
        release = desk.release(kit_id)
        battery = known.readings.get("battery_percent")
        well = known.health.is_well
        return KitView(
            id=kit.id,
            name=kit.name,
            driver=kit.driver,
            group=kit.group,
            simulated=desk.live.room.is_simulated(kit_id) or known.simulated,
            holds_programs=isinstance(desk.live.driver_of(kit_id), Programmable) or bool(holds),
            health=HealthView(state=known.health.state, reason=known.health.reason, since=known.since_us / 1e6),
            ok=not problems,
            problems=problems,
            firmware=_said(known, "firmware"),
            release=release,
            battery_percent=battery.value if battery and isinstance(battery.value, int | float) else None,
            robot=_said(known, "robot") if well else "",
            program=_said(known, "program") if well else "",
            program_error=_said(known, "program_error"),
            holds=tuple(
                HeldView(name=one.name, version=one.version, whole=one.whole, damaged=one.damaged) for one in holds
            ),
            other_firmware=tuple(
                one.name for one in desk.shelf.manifest.programs if release and not _suits(one.firmware, release)
            ),
            work=None if work is None else work_view(work),
        )

    def _problems(
        self, kit_id: str, known: KnownDevice, holds: tuple[Held, ...], work: Work | None
    ) -> list[ProblemView]:
        found = []
        flashed = work is not None and work.kind is Kind.FLASH and not work.is_over
        if (words := self._desk.half_flashed.get(kit_id)) and not flashed:
            found.append(ProblemView(code="half-flashed", detail=words))
        if known.health == LENT:
            return found
        if not known.health.is_well:
            code = known.health.reason or str(known.health.state)
            found.append(ProblemView(code=code, detail=str(known.health.state)))
            return found
        if self._desk.live.driver_of(kit_id) is None:
            return [*found, ProblemView(code="not-opened")]
        battery = known.readings.get("battery_percent")
        if battery is not None and isinstance(battery.value, int | float):
            if battery.value < LOW_BATTERY_PERCENT:
                found.append(ProblemView(code="low-battery", detail=f"{battery.value:.0f}"))
        elif self._kits[kit_id].battery:
            found.append(ProblemView(code="no-battery"))
        for one in holds:
            if one.whole is False:
                found.append(ProblemView(code="damaged", detail=f"{one.name} {one.version}: {', '.join(one.damaged)}"))
        if error := _said(known, "program_error"):
            found.append(ProblemView(code="program-error", detail=error))
        return found


def job_view(job: Job | None) -> JobView | None:
    if job is None:
        return None
    return JobView(
        id=job.id,
        kind=job.kind,
        what=job.what,
        version=job.version,
        run=job.run,
        kits=job.kits,
        began=job.began_us / 1e6,
        ended=None if job.ended_us is None else job.ended_us / 1e6,
    )


def work_view(work: Work) -> WorkView:
    return WorkView(
        job=work.job,
        kind=work.kind,
        what=work.what,
        version=work.version,
        run=work.run,
        state=work.state,
        phase=work.phase,
        percent=work.percent,
        code=work.code,
        reason=work.reason,
        detail=work.words,
        attempts=work.attempts,
        began=work.began_us / 1e6,
        ended=None if work.ended_us is None else work.ended_us / 1e6,
    )


def _said(known: KnownDevice, metric: str) -> str:
    reading = known.readings.get(metric)
    return "" if reading is None else str(reading.value)


@lru_cache(maxsize=4096)
def _suits(firmware: str, release: str) -> bool:
    return not firmware or SpecifierSet(firmware).contains(release, prereleases=True)
