"""A bench with an experiment that speaks JSON lines on TCP: every simulated experiment does (`lophoc sim experiment`).

Whether its readings are simulated the bench says itself; each reading carries it to the centre and to every screen.

Controls: `experiment` (running: it starts or goes on; paused; idle: it is reset); `experiment.NAME` for each of its
parameters, a number or one of its words; `experiment.seed`, which resets it. A parameter that counts only from the
next reset is confirmed when the bench has taken it.

Readings: each output, each time it is sampled; `experiment`; `experiment_NAME`, as it was set; `experiment_seed`.

Samples are numbered. A line that breaks is taken up after the last sample that came, as far as the bench still has
what followed (at 20 Hz: ten minutes); what was missed gets the time at which it was taken, counted back.

Source: docs/simulators.md, "A bench on a wire".
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Iterator
from typing import Self

from pydantic import Field

from classroom_profiles.capability import SEED, WORDS, Capability, Command, Target, Value
from classroom_profiles.experiment import About, Parameter, RunState, Sample
from classroom_profiles.model import Model
from classroom_profiles.offer import Offer
from classroom_profiles.reading import Change, Health, HealthState, Reading
from classroom_profiles.state import Control
from classroom_profiles.wiring import Address
from firmware_bridge.driver import DriverKind, Mark, Wires, reading
from firmware_bridge.errors import BadReply, NotNow, Refused
from firmware_bridge.experiment_link import BenchLink
from firmware_bridge.experiment_wire import Status, Told, wanted
from firmware_bridge.host import host_address

EXPERIMENT = Target(Capability.EXPERIMENT)
_SEED = Target(Capability.EXPERIMENT, SEED)
_IDLE, _PAUSED, _RUNNING = WORDS[Capability.EXPERIMENT]
_DO = {_PAUSED: "pause", _RUNNING: "start", _IDLE: "reset"}
_FAULT = "model"
_TRIES = 3


class Options(Model):
    host: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._:-]{0,252}[A-Za-z0-9])?$", description="the bench's address or name"
    )
    port: int = Field(ge=1, le=65535, description="its TCP port")
    answer_s: float = Field(5.0, gt=0, le=30, description="seconds within which it must answer")
    poll_s: float = Field(5.0, gt=0, le=60, description="seconds of silence after which it is asked if it is there")


class ExperimentBench:
    """One experiment."""

    def __init__(self, options: Options, mark: Mark | None = None) -> None:
        self._poll_s = options.poll_s
        self._news = asyncio.Event()
        self._link = BenchLink(options.host, options.port, options.answer_s, self._news.set)
        self._mark = Mark() if mark is None else mark
        self._about: About | None = None
        self._state: RunState | None = None
        """As it was told to who reads the changes; `_answered` may be newer."""
        self._answered: RunState | None = None
        self._times: _Times | None = None
        self._said: dict[str, Value] = {}

    @property
    def controls(self) -> tuple[Control, ...]:
        if self._about is None:
            return ()
        every = [Control(_target(one), tuple(one.options)) for one in self._about.parameters]
        return (Control(EXPERIMENT, WORDS[Capability.EXPERIMENT]), Control(_SEED), *every)

    async def __aenter__(self) -> Self:
        try:
            await self._link.open()
            described = (await self._link.ask("describe")).describe
            if described is None:
                raise BadReply("it did not describe itself")
            self._about = described.about()
            await self._stream()
        except BaseException:
            await self._link.close()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._link.close()

    async def changes(self) -> AsyncIterator[Change]:
        assert self._state is not None
        self._link.check()
        yield _health(self._state)
        yield self._state
        for value in self._readings(self._state):
            yield value
        while True:
            self._news.clear()
            for said in self._link.take():
                for change in self._heard(said):
                    yield change
            self._link.check()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._news.wait()
                continue
            for change in self._changed(_status(await self._link.ask("status"))):
                yield change

    async def check(self, command: Command) -> None:
        self._link.check()
        self._meant(command)

    async def command(self, command: Command) -> None:
        do, more = self._meant(command)
        if do:
            state = self._answered = _status(await self._link.ask(do, **more)).of(self._known)
            if not command.holds(_values(state).get(command.target.metric)):
                raise BadReply(f"it confirmed {command} and is {_values(state).get(command.target.metric)}")

    # --- listening ---

    async def _stream(self) -> None:
        """From the sample after the last one heard, if it is still the same run; else from the run's first."""
        about = self._known
        run = _status(await self._link.ask("status")).run
        for _ in range(_TRIES):
            wanted_n = self._mark.n + 1 if (about.session, run) == (self._mark.session, self._mark.run) else 0
            answer = await self._link.ask("stream", **{"from": wanted_n})
            status = _status(answer)
            if status.run == run and answer.first_n is not None:
                break
            run = status.run  # it was reset in between
        else:
            raise NotNow("it is reset again and again")
        self._state = self._answered = status.of(about)
        self._times = _Times(1 / (about.rate_hz * about.speed), status.next_n - 1)

    def _heard(self, said: Told) -> Iterator[Change]:
        if said.sample is not None:
            if (sample := self._sample(said.sample)) is not None:
                yield sample
        elif said.status is not None:
            yield from self._changed(said.status)

    def _changed(self, status: Status) -> Iterator[Change]:
        before, now = self._state, status.of(self._known)
        self._state = self._answered = now
        assert before is not None
        assert self._times is not None
        if now.run != before.run:
            self._times.begin_anew()
        if _health(now) != _health(before):
            yield _health(now)
        if now != before:
            yield now
        yield from self._readings(now)

    def _readings(self, state: RunState) -> Iterator[Reading]:
        """Those that are news."""
        for metric, value in _values(state).items():
            if self._said.get(metric) != value:
                self._said[metric] = value
                one = state.about.parameter(metric.removeprefix(f"{EXPERIMENT}_"))
                yield reading(metric, value, one.unit if one else "", simulated=state.about.simulated)

    def _sample(self, told: dict[str, float]) -> Sample | None:
        """None if it was heard before. Raises BadReply."""
        about = self._known
        assert self._state is not None
        assert self._times is not None
        try:
            run, n, t_s = int(told["run"]), int(told["n"]), told["t_s"]
            values = [(one, told[one.name]) for one in about.outputs]
        except KeyError as lacking:
            raise BadReply(f"its sample lacks {lacking}") from lacking
        if not all(map(math.isfinite, told.values())) or n < 0:
            raise BadReply("its sample has a value that is no number")
        mark = self._mark
        if (about.session, run) == (mark.session, mark.run) and n <= mark.n:
            return None
        mark.session, mark.run, mark.n = about.session, run, n
        time_us, monotonic_us = self._times.of(n)
        simulated = about.simulated
        return Sample(
            run, n, t_s,
            tuple(Reading(one.name, value, one.unit, time_us, monotonic_us, simulated) for one, value in values),
        )  # fmt: skip

    # --- telling ---

    def _meant(self, command: Command) -> tuple[str, dict[str, object]]:
        """What to ask for; nothing if it is so already. Raises Refused or NotNow."""
        target, value, state = command.target, command.value, self._answered
        assert state is not None
        if target == EXPERIMENT:
            if value == state.state and (value != _IDLE or state.next_n == 0):
                return "", {}
            if value == _PAUSED and state.state == _IDLE:
                raise NotNow("it has not been started, and cannot be paused")
            if value == _RUNNING and state.fault:
                raise Refused(f"it cannot go on until it is reset: {state.fault}")
            return _DO[str(value)], {}
        if target == _SEED:
            if isinstance(value, str) or value != int(value) or not 0 <= value < 2**53:
                raise Refused(f"a seed is a whole number from 0 on, not {value}")
            return "reset", {"seed": int(value)}
        parameter = self._known.parameter(target.channel) if target.capability is Capability.EXPERIMENT else None
        if parameter is None:
            names = ", ".join(one.name for one in self._known.parameters)
            raise Refused(f"it has no {target}; its parameters are: {names or 'none'}")
        if not _suits(parameter, value):
            raise Refused(f"{parameter.name} is {_range(parameter)}, not {value}")
        return "set", {"values": {parameter.name: value}}

    @property
    def _known(self) -> About:
        assert self._about is not None
        return self._about


class _Times:
    """When each sample was taken, as far as can be told: now, or counted back if it comes late."""

    def __init__(self, period_s: float, head_n: int) -> None:
        """`head_n`: the last one taken by now."""
        self._period_us = period_s * 1e6
        self._head_n, self._head_us = head_n, time.monotonic_ns() // 1000
        self._last_us = 0

    def begin_anew(self) -> None:
        self._head_n = -1

    def of(self, n: int) -> tuple[int, int]:
        """Wall and monotonic time, which increase from sample to sample."""
        now_us = time.monotonic_ns() // 1000
        taken_us = now_us if n > self._head_n else self._head_us - int((self._head_n - n) * self._period_us)
        self._last_us = max(taken_us, self._last_us + 1)
        return time.time_ns() // 1000 - (now_us - self._last_us), self._last_us


def _status(answer: Told) -> Status:
    if answer.status is None:
        raise BadReply("it did not say how it is")
    return answer.status


def _health(state: RunState) -> Health:
    return Health(HealthState.FAULT, _FAULT) if state.fault else Health(HealthState.ONLINE)


def _values(state: RunState) -> dict[str, Value]:
    parameters = {_target(name).metric: value for name, value in wanted(state).items()}
    return {EXPERIMENT.metric: state.state, _SEED.metric: float(state.seed), **parameters}


def _target(parameter: Parameter | str) -> Target:
    return Target(Capability.EXPERIMENT, parameter if isinstance(parameter, str) else parameter.name)


def _suits(parameter: Parameter, value: Value) -> bool:
    if parameter.options:
        return value in parameter.options
    return not isinstance(value, str) and _at_least(parameter.low, value) and _at_least(value, parameter.high)


def _at_least(low: float | None, high: float | None) -> bool:
    return low is None or high is None or low <= high


def _range(parameter: Parameter) -> str:
    if parameter.options:
        return f"one of {', '.join(parameter.options)}"
    return f"a number from {parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip()


def make(options: Options, wires: Wires) -> ExperimentBench:
    return ExperimentBench(options, wires.mark)


def offer(_: Options) -> Offer:
    """Which parameters and outputs it has, it says itself when it is opened."""
    return Offer(capabilities=frozenset((Capability.EXPERIMENT,)))


def address(options: Options) -> Address:
    return host_address(options.host, options.port)


DRIVER = DriverKind(Options, make, {"host": "192.168.10.40", "port": 7100}, offer, address)
