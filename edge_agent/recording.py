"""A run that is being recorded: takes samples in order, counts what is missing, gives what is to be kept. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from classroom_profiles.experiment import Setting
from edge_agent.run import Column, Ending, Row, Run, Turned
from edge_agent.run_file import Change


@dataclass(slots=True)
class Recording:
    """`run` is as it is by now, also where that is not on the disk yet."""

    run: Run
    parameters: dict[str, bool | Setting]
    """What counts now."""
    _rows: list[Row]
    _turned: list[Turned]
    _changed: bool = True

    @classmethod
    def of(cls, run: Run, turned: Iterable[Turned] = ()) -> "Recording":
        """Of one that begins, or goes on after what is kept of it."""
        parameters = dict(run.about.parameters) | {one.name: one.value for one in turned}
        return cls(run, parameters, [], [])

    @property
    def next_n(self) -> int:
        return self.run.last_n + 1

    @property
    def waiting(self) -> int:
        """Samples that are not on the disk."""
        return len(self._rows)

    def take(self, row: Row, keep: bool = True) -> bool:
        """False for one that it has already. `keep`: false if there is no room for it: it counts as lost."""
        run = self.run
        gap = row.n - run.last_n - 1
        if gap < 0:
            return False
        if keep:
            self._rows.append(row)
        self.run = _counted(run, row.n, run.samples + keep, run.lost + gap + (not keep))
        self._changed = True
        return True

    def turn(self, n: int, time_us: int, name: str, value: bool | Setting, exact: bool = True) -> None:
        """`exact`: false if it may have been turned earlier than `n`."""
        self.parameters[name] = value
        self._turned.append(Turned(n, time_us, name, value))
        if not exact:
            self.run = replace(self.run, exact=False)
        self._changed = True

    def add_column(self, column: Column) -> int:
        """Its place in a row's values."""
        self.run = replace(self.run, columns=(*self.run.columns, column))
        self._changed = True
        return len(self.run.columns) - 1

    def end(self, ending: Ending, time_us: int) -> None:
        self.run = replace(self.run, ending=ending, ended_us=max(time_us, self.run.started_us))
        self._changed = True

    def change(self) -> Change | None:
        """What is to be kept since it was asked last."""
        if not self._changed:
            return None
        made = Change(self.run, self._rows, self._turned)
        self._rows, self._turned, self._changed = [], [], False
        return made


def _counted(run: Run, last_n: int, samples: int, lost: int) -> Run:
    """`replace`, which takes a third of the time of a sample, by hand."""
    return Run(
        run.id, run.about, run.columns, run.started_us, run.ended_us, run.ending, samples, lost, last_n, run.exact
    )
