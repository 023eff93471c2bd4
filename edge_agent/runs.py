"""Records what the room's benches do: of an experiment each run by itself, of sensors when a person says so.

An experiment numbers its samples; from its first to its reset they are one run, with all that was turned meanwhile. The
samples of a bench without one are the readings of its sensors, numbered here from the moment when somebody starts it.
After kill -9, a run of an experiment goes on where the disk had it, for the bench still has what followed; of sensors
nobody has, and their run ends.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from classroom_profiles.bench import Bench, benches
from classroom_profiles.capability import WORDS, Capability, Command, Target, Value
from classroom_profiles.experiment import RunState, Sample
from classroom_profiles.reading import Change, Reading
from classroom_profiles.room import Device
from edge_agent.live_room import LiveRoom, now_us
from edge_agent.recording import Recording
from edge_agent.run import NOTHING, About, Column, Ending, Row, Run, turned
from edge_agent.run_store import RunStore
from firmware_bridge.errors import NotNow, Refused

Listen = Callable[[str, Run, Row], None]
"""Told of each sample: its bench, its run, and itself."""
COMMIT_S = 1.0
MOST_SAMPLES = 1_000_000
"""Of one run: half a day at 20 Hz."""
MOST_COLUMNS = 64
EXPERIMENT = Target(Capability.EXPERIMENT)
_IDLE, _PAUSED, _RUNNING = WORDS[Capability.EXPERIMENT]


@dataclass(slots=True)
class _Sensors:
    """A recording that numbers its samples itself."""

    recording: Recording
    state: str
    t_s: float
    """What had gone by when it was paused last."""
    since_s: float
    places: dict[str, int]


class Runs:
    """`open` before the devices, `run` while they live."""

    def __init__(
        self,
        room: LiveRoom,
        store: RunStore,
        *,
        commit_s: float = COMMIT_S,
        most_samples: int = MOST_SAMPLES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.benches = {bench.id: bench for bench in benches(room.room)}
        self._bench_of = {device.id: bench for bench in self.benches.values() for device in bench.devices}
        self._room, self._store, self._commit_s, self._clock = room, store, commit_s, clock
        self.most_samples = most_samples
        self._going: dict[str, Recording] = {}
        """Device to the run of its experiment."""
        self._over: dict[str, tuple[str, int]] = {}
        """Device to the last run that goes on there and is not recorded any more."""
        self._sensors: dict[str, _Sensors] = {}
        """Bench to its recording."""
        self._states: dict[str, Value] = {}
        """Device to the state of its experiment that was told last."""
        self._last: dict[str, Run] = {}
        """Bench to the run that ended last."""
        self._ended: list[Recording] = []
        self._listening: list[Listen] = []

    async def open(self) -> None:
        """Take up what was not over. Call it before any device is opened."""
        for run, was_turned in await self._store.unfinished():
            recording = Recording.of(run, was_turned)
            about, mark = run.about, self._room.marks.get(run.about.device)
            if mark is None or run.about.device in self._going:
                self._end(run.about.bench, recording, Ending.INTERRUPTED)
                continue
            self._going[about.device] = recording
            mark.session, mark.run, mark.n = about.session, about.number, run.last_n

    async def run(self) -> None:
        """Until cancelled; then what it has is brought to the disk."""
        with self._room.listen(self._hear):
            try:
                while True:
                    await asyncio.sleep(self._commit_s)
                    await self.commit()
            finally:
                await self.commit()

    async def commit(self) -> bool:
        """True once all that was heard until now is on the disk."""
        every = [*self._ended, *self._going.values(), *(one.recording for one in self._sensors.values())]
        self._ended.clear()
        self._store.keep([change for one in every if (change := one.change()) is not None])
        return await self._store.commit()

    @contextmanager
    def listen(self, listener: Listen) -> Iterator[None]:
        """Call `listener` with every sample that is recorded. It must return at once."""
        self._listening.append(listener)
        try:
            yield
        finally:
            self._listening.remove(listener)

    def current(self, bench_id: str) -> Run | None:
        """The run that goes on there, else the last one since the agent began."""
        bench = self.benches[bench_id]
        going = [self._going[device.id].run for device in bench.devices if device.id in self._going]
        if bench_id in self._sensors:
            going.append(self._sensors[bench_id].recording.run)
        return going[-1] if going else self._last.get(bench_id)

    def leader(self, bench_id: str) -> Device | None:
        """The device of a bench that has an experiment of its own; None where there are only sensors."""
        for device in self.benches[bench_id].devices:
            known = self._room.device(device.id)
            if known.run is not None or any(control.target == EXPERIMENT for control in known.controls or ()):
                return device
        return None

    def state(self, bench_id: str) -> str:
        """idle, running or paused."""
        leader = self.leader(bench_id)
        if leader is not None:
            return str(self._room.value(leader.id, EXPERIMENT.metric) or _IDLE)
        return self._sensors[bench_id].state if bench_id in self._sensors else _IDLE

    async def command(self, bench_id: str, command: Command, timeout_s: float) -> None:
        """The same for a simulated experiment and for sensors. Raises KeyError, DeviceError."""
        leader = self.leader(bench_id)
        if leader is not None:
            await self._room.command(leader.id, command, timeout_s)
        elif command.target != EXPERIMENT:
            raise Refused(f"a bench of sensors has no {command.target}; tell the device itself")
        else:
            self._command_sensors(self.benches[bench_id], str(command.value))

    # --- what is heard ---

    def _hear(self, device: Device, change: Change) -> None:
        bench = self._bench_of.get(device.id)
        if bench is None:
            return
        if isinstance(change, Reading):
            if change.metric == EXPERIMENT.metric and self._states.get(device.id) != change.value:
                self._states[device.id] = change.value
                self._room.changes.bench(bench.id)
            if bench.id in self._sensors:
                self._hear_reading(bench, device, change)
        elif isinstance(change, Sample):
            self._hear_sample(bench, device, change)
        elif isinstance(change, RunState):
            self._hear_state(bench, device, change)

    def _hear_state(self, bench: Bench, device: Device, state: RunState) -> None:
        recording, about = self._going.get(device.id), state.about
        if recording is not None:
            kept = recording.run.about
            if (kept.session, kept.number) != (about.session, state.run):
                del self._going[device.id]
                self._end(bench.id, recording, Ending.RESET if kept.session == about.session else Ending.RESTARTED)
            else:
                exact = state.next_n == recording.next_n
                for name, value in turned(recording.parameters, state).items():
                    recording.turn(recording.next_n, now_us(), name, value, exact)
        self._room.changes.bench(bench.id)

    def _hear_sample(self, bench: Bench, device: Device, sample: Sample) -> None:
        state = self._room.device_run(device.id)
        if state is None or state.run != sample.run:
            return
        recording = self._going.get(device.id)
        if recording is None:
            if self._over.get(device.id) == (state.about.session, sample.run):
                return
            recording = self._going[device.id] = self._begun(bench, device, state, sample)
            self._room.changes.bench(bench.id)
        readings = sample.readings
        time_us = readings[0].time_us if readings else now_us()
        row = Row(sample.n, time_us, sample.t_s, tuple([float(one.value) for one in readings]))
        self._take(bench.id, recording, row)
        if recording.run.samples >= self.most_samples:
            del self._going[device.id]
            self._over[device.id] = (state.about.session, sample.run)
            self._end(bench.id, recording, Ending.TOO_LONG)

    def _hear_reading(self, bench: Bench, device: Device, reading: Reading) -> None:
        sensors = self._sensors[bench.id]
        recording, value = sensors.recording, reading.value
        name = f"{device.id}.{reading.metric}" if len(bench.devices) > 1 else reading.metric
        is_state = any(one.target.metric == reading.metric for one in self._room.device(device.id).controls or ())
        if is_state or isinstance(value, str):
            if recording.parameters.get(name) != value:
                recording.turn(recording.next_n, reading.time_us, name, value)
            return
        if sensors.state != _RUNNING:
            return
        place = sensors.places.get(name)
        if place is None:
            if len(sensors.places) >= MOST_COLUMNS:
                return
            place = sensors.places[name] = recording.add_column(Column(name, reading.unit))
        values = [NOTHING] * len(recording.run.columns)
        values[place] = float(value)
        t_s = sensors.t_s + self._clock() - sensors.since_s
        self._take(bench.id, recording, Row(recording.next_n, reading.time_us, t_s, tuple(values)))
        if recording.run.samples >= self.most_samples:
            self._end(bench.id, self._sensors.pop(bench.id).recording, Ending.TOO_LONG)

    def _take(self, bench: str, recording: Recording, row: Row) -> None:
        if recording.take(row, self._store.has_room):
            for listener in self._listening:
                listener(bench, recording.run, row)

    # --- beginning and ending ---

    def _begun(self, bench: Bench, device: Device, state: RunState, sample: Sample) -> Recording:
        about = state.about
        units = [Column(one.metric, one.unit) for one in sample.readings]
        kept = About(
            bench=bench.id, device=device.id, experiment=about.experiment, session=about.session, number=state.run,
            seed=state.seed, rate_hz=about.rate_hz, ideal=about.ideal, simulated=about.simulated,
            software=dict(about.software), parameters=dict(state.parameters),
        )  # fmt: skip
        began = sample.n == 0 and state.next_n == 0  # we heard how it stood before its first sample
        run = Run(_new_id(), kept, tuple(units), now_us(), exact=began)
        return Recording.of(run)

    def _command_sensors(self, bench: Bench, state: str) -> None:
        sensors, now_s = self._sensors.get(bench.id), self._clock()
        match state, sensors:
            case "running", None:
                self._sensors[bench.id] = self._begun_sensors(bench, now_s)
            case "running", _Sensors():
                sensors.state, sensors.since_s = _RUNNING, (sensors.since_s if sensors.state == _RUNNING else now_s)
            case "paused", None:
                raise NotNow("it has not been started, and cannot be paused")
            case "paused", _Sensors():
                if sensors.state == _RUNNING:
                    sensors.t_s += now_s - sensors.since_s
                sensors.state = _PAUSED
            case _, _Sensors():
                self._end(bench.id, self._sensors.pop(bench.id).recording, Ending.STOPPED)
        self._room.changes.bench(bench.id)

    def _begun_sensors(self, bench: Bench, now_s: float) -> _Sensors:
        simulated = any(self._room.device(device.id).simulated for device in bench.devices)
        parameters: dict[str, bool | float | str] = {}
        for device in bench.devices:
            known = self._room.device(device.id)
            for target in (control.target for control in known.controls or ()):
                if (value := self._room.value(device.id, target.metric)) is not None:
                    name = f"{device.id}.{target.metric}" if len(bench.devices) > 1 else target.metric
                    parameters[name] = value
        about = About(bench=bench.id, device="", simulated=simulated, parameters=parameters)
        return _Sensors(Recording.of(Run(_new_id(), about, (), now_us())), _RUNNING, 0.0, now_s, {})

    def _end(self, bench: str, recording: Recording, ending: Ending) -> None:
        recording.end(ending, now_us())
        self._last[bench] = recording.run
        self._ended.append(recording)
        if bench in self.benches:
            self._room.changes.bench(bench)


def _new_id() -> str:
    """Sorts by time, and is another even if the clock was set back."""
    return f"{datetime.now(UTC):%Y%m%dt%H%M%S}-{secrets.token_hex(3)}"
