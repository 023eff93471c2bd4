"""What the robot kits are made to do, as values kept on the disk: a job, and each kit's own part in it. Pure."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from firmware_bridge.fleet.outcome import Outcome
from firmware_bridge.programs import Installed


class Kind(StrEnum):
    CHECK = "check"
    """Before the bell: does it answer, is all that it holds whole?"""
    DEPLOY = "deploy"
    RUN = "run"
    STOP = "stop"
    FLASH = "flash"


class WorkState(StrEnum):
    WORKING = "working"
    DONE = "done"
    UNCHANGED = "unchanged"
    """It was so already."""
    SKIPPED = "skipped"
    """It is not for this kit."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The agent ended in the middle of it."""


AGAIN = frozenset({WorkState.FAILED, WorkState.INTERRUPTED})
"""What a retry does again."""


class Job(msgspec.Struct, frozen=True):
    """One wish for several kits."""

    id: str
    kind: Kind
    what: str
    """The program's or the firmware's name; empty where there is none."""
    version: str
    run: bool
    kits: tuple[str, ...]
    began_us: int
    ended_us: int | None = None


class Work(msgspec.Struct, frozen=True):
    """One kit's part in a job."""

    job: str
    kind: Kind
    what: str
    version: str
    run: bool
    state: WorkState
    began_us: int
    phase: str = ""
    """While it goes on: opening, checking, sending, starting, waiting, stopping, connecting, writing, verifying."""
    percent: int | None = None
    words: str = ""
    """Why it was skipped or failed, in English, for technicians."""
    code: str = ""
    reason: str = ""
    attempts: int = 1
    ended_us: int | None = None

    @property
    def is_over(self) -> bool:
        return self.state is not WorkState.WORKING


class Held(msgspec.Struct, frozen=True):
    """A program on a kit."""

    name: str
    version: str
    whole: bool | None = None
    """Whether its files are by hash what was installed; None: not asked since the kit was opened."""
    damaged: tuple[str, ...] = ()


def work_of(job: Job, now_us: int) -> Work:
    return Work(job.id, job.kind, job.what, job.version, job.run, WorkState.WORKING, now_us)


def ended(work: Work, outcome: Outcome, now_us: int) -> Work:
    return msgspec.structs.replace(
        work,
        state=WorkState(outcome.state),
        phase="",
        percent=None,
        words=outcome.words,
        code=outcome.code,
        reason=outcome.reason,
        attempts=outcome.attempts,
        ended_us=now_us,
    )


def cut_short(work: Work, state: WorkState, words: str, now_us: int) -> Work:
    return msgspec.structs.replace(
        work, state=state, phase="", percent=None, words=words, code=str(state), reason="", ended_us=now_us
    )


def held(installed: Mapping[Installed, tuple[str, ...]]) -> tuple[Held, ...]:
    """As a kit has just said."""
    return tuple(Held(one.name, one.version, not damaged, damaged) for one, damaged in installed.items())


def still_held(installed: tuple[Installed, ...], before: tuple[Held, ...], verified: str) -> tuple[Held, ...]:
    """After `verified` was put on it: of the others what was known before."""
    known = {(one.name, one.version): one for one in before}
    return tuple(
        Held(one.name, one.version, True)
        if str(one) == verified
        else known.get((one.name, one.version), Held(one.name, one.version))
        for one in installed
    )


def unverified(before: tuple[Held, ...]) -> tuple[Held, ...]:
    """After the kit was out of sight."""
    return tuple(msgspec.structs.replace(one, whole=None, damaged=()) for one in before)


def settled(work: Work, holds: tuple[Held, ...], now_us: int) -> Work:
    """What a kit holds, asked and verified, decides of a deployment whose end nobody saw."""
    unseen = work.state is WorkState.INTERRUPTED or (
        work.state is WorkState.FAILED and work.code in ("unreachable", "timeout", "bad-reply")
    )
    wanted = any((one.name, one.version, one.whole) == (work.what, work.version, True) for one in holds)
    if not (unseen and work.kind is Kind.DEPLOY and not work.run and wanted):
        return work
    return msgspec.structs.replace(work, state=WorkState.DONE, words="", code="", reason="", ended_us=now_us)
