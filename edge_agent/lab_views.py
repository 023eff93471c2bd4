"""The JSON of the lab's routes: benches, runs and leases, field by field as in the OpenAPI description."""

from collections.abc import Iterable

from pydantic import Field

from classroom_profiles.experiment import About, Parameter
from classroom_profiles.lease import Lease, Staff
from classroom_profiles.model import Name
from edge_agent.leases import Leases
from edge_agent.live_room import LiveRoom
from edge_agent.run import Ending, Note, Row, Run, Turned
from edge_agent.run_file import RunArchive
from edge_agent.runs import Runs
from edge_agent.views import View


class LeaseView(View):
    id: str
    target: str = Field(description="the bench or device that is held")
    devices: tuple[str, ...] = Field(description="all that others may not tell meanwhile")
    holder: str = Field(description="which tablet or desk; never a person's name")
    rank: Staff
    expires_s: float = Field(description="until it ends, unless it is renewed")
    silence_s: float = Field(description="it ends when its holder's device was not heard of for so long")


class OwnLeaseView(LeaseView):
    key: str = Field(description="proves that one is the holder, in the header X-Lophoc-Lease; told only here")


class ParameterView(View):
    name: str
    target: str = Field(description="what a command names")
    shown: Name
    unit: str
    low: float | None
    high: float | None
    options: dict[str, Name] = Field(description="the words it takes; empty for a number")
    at_reset: bool = Field(description="what is set counts from the next reset")
    default: float | str
    value: float | str = Field(description="as it was set")
    counts: float | str = Field(description="what counts now")


class OutputView(View):
    name: str
    shown: Name
    unit: str


class ExperimentView(View):
    id: str
    shown: Name
    device: str
    rate_hz: float
    seed: int
    fault: str = Field(description="why it cannot go on until it is reset; empty while it can")
    parameters: tuple[ParameterView, ...]
    outputs: tuple[OutputView, ...]


class ColumnView(View):
    name: str
    unit: str


class RunView(View):
    id: str
    bench: str
    experiment: str = Field(description="empty for a bench of sensors")
    simulated: bool
    started: float = Field(description="seconds since 1970-01-01 UTC")
    ended: float | None
    ending: Ending | None = Field(description="why it is over; null while it goes on")
    samples: int
    lost: int = Field(description="samples whose numbers are missing")
    last_n: int
    exact: bool = Field(description="false if something was turned while nobody heard when")
    repeatable: bool = Field(description="`lophoc run repeat` can make the same bits again")
    seed: int | None
    rate_hz: float | None
    columns: tuple[ColumnView, ...]


class TurnedView(View):
    n: int = Field(description="the first sample for which it counts")
    name: str
    value: bool | float | str


class NoteView(View):
    n: int
    time: float = Field(description="when it was written, seconds since 1970-01-01 UTC")
    text: str


class WholeRunView(RunView):
    software: dict[str, str]
    parameters: dict[str, bool | float | str] = Field(description="as they were at the first sample")
    turned: tuple[TurnedView, ...]
    notes: tuple[NoteView, ...]


class SamplesView(View):
    run: str
    step: int = Field(description="each so many-th sample is told")
    n: tuple[int, ...]
    t_s: tuple[float, ...]
    values: dict[str, tuple[float | None, ...]] = Field(description="by column; null where a sample has none")


class BenchView(View):
    id: str
    name: Name
    devices: tuple[str, ...]
    simulated: bool = Field(description="what it measures is made by a model")
    state: str = Field(description="idle, running or paused")
    reachable: bool = Field(description="all its devices are there")
    experiment: ExperimentView | None = Field(description="null for a bench of sensors, and before it was reached")
    run: RunView | None = Field(description="the run that goes on, or the last one")
    lease: LeaseView | None


class LabViews:
    """The lab of this moment."""

    def __init__(self, room: LiveRoom, runs: Runs, leases: Leases, archive: RunArchive) -> None:
        self._room, self._runs, self._leases, self._archive = room, runs, leases, archive

    def benches(self) -> list[BenchView]:
        return [self.bench(bench) for bench in self._runs.benches]

    def bench(self, bench_id: str) -> BenchView:
        """Raises KeyError."""
        bench = self._runs.benches[bench_id]
        known = {device.id: self._room.device(device.id) for device in bench.devices}
        leader, run = self._runs.leader(bench_id), self._runs.current(bench_id)
        lease = next((held for name in known if (held := self._leases.of_device(name)) is not None), None)
        return BenchView(
            id=bench.id,
            name=bench.name,
            devices=tuple(known),
            simulated=any(one.simulated for one in known.values()),
            state=self._runs.state(bench_id),
            reachable=all(one.health.reachable for one in known.values()),
            experiment=None if leader is None else self._experiment(leader.id),
            run=None if run is None else run_view(run),
            lease=None if lease is None else self.lease(lease),
        )

    def leases(self) -> list[LeaseView]:
        return [self.lease(lease) for lease in self._leases.every()]

    def lease(self, lease: Lease) -> LeaseView:
        return LeaseView(
            id=lease.id,
            target=lease.target,
            devices=tuple(sorted(lease.devices)),
            holder=lease.holder,
            rank=lease.rank,
            expires_s=round(self._leases.left_s(lease), 3),
            silence_s=lease.silence_s,
        )

    def own_lease(self, lease: Lease, key: str) -> OwnLeaseView:
        return OwnLeaseView(**self.lease(lease).model_dump(), key=key)

    def run(self, run: Run) -> WholeRunView:
        """Reads the disk: not in the loop."""
        return WholeRunView(
            **run_view(run).model_dump(),
            software=run.about.software,
            parameters=run.about.parameters,
            turned=tuple(_turned(one) for one in self._archive.turned(run.id)),
            notes=tuple(note_view(one) for one in self._archive.notes(run.id)),
        )

    def samples(self, run: Run, from_n: int, to_n: int, most: int) -> SamplesView:
        """So many at most, evenly. Reads the disk: not in the loop."""
        step = max(1, -(-(to_n - from_n + 1) // most))
        rows = list(self._archive.rows(run, from_n, to_n, step))
        values = {one.name: tuple(_value(row, k) for row in rows) for k, one in enumerate(run.columns)}
        return SamplesView(
            run=run.id, step=step, n=tuple(row.n for row in rows), t_s=tuple(row.t_s for row in rows), values=values
        )

    def _experiment(self, device: str) -> ExperimentView | None:
        state = self._room.device_run(device)
        if state is None:
            return None
        about: About = state.about
        return ExperimentView(
            id=about.experiment,
            shown=about.shown,
            device=device,
            rate_hz=about.rate_hz,
            seed=state.seed,
            fault=state.fault,
            parameters=tuple(
                _parameter(one, {**state.parameters, **state.at_reset}.get(one.name), state.parameters.get(one.name))
                for one in about.parameters
            ),
            outputs=tuple(OutputView(name=one.name, shown=one.shown, unit=one.unit) for one in about.outputs),
        )


def run_view(run: Run) -> RunView:
    about = run.about
    return RunView(
        id=run.id,
        bench=about.bench,
        experiment=about.experiment,
        simulated=about.simulated,
        started=run.started_us / 1e6,
        ended=None if run.ended_us is None else run.ended_us / 1e6,
        ending=run.ending,
        samples=run.samples,
        lost=run.lost,
        last_n=run.last_n,
        exact=run.exact,
        repeatable=run.repeatable,
        seed=about.seed,
        rate_hz=about.rate_hz,
        columns=tuple(ColumnView(name=one.name, unit=one.unit) for one in run.columns),
    )


def run_views(runs: Iterable[Run]) -> list[RunView]:
    return [run_view(run) for run in runs]


def note_view(note: Note) -> NoteView:
    return NoteView(n=note.n, time=note.time_us / 1e6, text=note.text)


def _turned(one: Turned) -> TurnedView:
    return TurnedView(n=one.n, name=one.name, value=one.value)


def _parameter(one: Parameter, value: float | str | None, counts: float | str | None) -> ParameterView:
    return ParameterView(
        name=one.name,
        target=f"experiment.{one.name}",
        shown=one.shown,
        unit=one.unit,
        low=one.low,
        high=one.high,
        options=dict(one.options),
        at_reset=one.at_reset,
        default=one.default,
        value=one.default if value is None else value,
        counts=one.default if counts is None else counts,
    )


def _value(row: Row, place: int) -> float | None:
    value = row.values[place] if place < len(row.values) else None
    return None if value is None or value != value else value
