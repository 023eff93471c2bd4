"""Runs a recorded simulation again, in a process of its own, and compares every bit of every sample."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from edge_agent.run import Run, Turned
from edge_agent.run_file import RunArchive


class CannotRepeat(Exception):
    """The text says why."""


@dataclass(frozen=True, slots=True)
class Repeated:
    compared: int
    differing: int
    first_n: int | None
    """The first sample that differs."""
    first: str = ""
    """How."""

    @property
    def same(self) -> bool:
        return self.differing == 0 and self.compared > 0


def repeat(archive: RunArchive, run: Run) -> Repeated:
    """Raises CannotRepeat: it is no simulation, nobody knows when something was turned, or there is no simulator."""
    about = run.about
    if not about.simulated or not about.experiment or about.seed is None or not about.rate_hz:
        raise CannotRepeat("it was no simulation")
    if not run.exact:
        raise CannotRepeat("nobody heard when something was turned, or how it stood when it began")
    compared, differing, first_n, first = 0, 0, None, ""
    with _simulator(run, archive.turned(run.id)) as made:
        for row in archive.rows(run):
            line = next(made, None)
            while line is not None and line[0] < row.n:  # samples that were lost here
                line = next(made, None)
            if line is None:
                raise CannotRepeat(f"the simulator ended before sample {row.n}")
            compared += 1
            again = {"t_s": row.t_s, **dict(zip((one.name for one in run.columns), row.values, strict=True))}
            if again != line[1]:
                differing += 1
                if first_n is None:
                    first_n, first = row.n, _difference(again, line[1])
    return Repeated(compared, differing, first_n, first)


def command(run: Run, turned: list[Turned]) -> list[str]:
    """What makes the same samples."""
    about = run.about
    rate = about.rate_hz or 1.0
    asked = [sys.executable, "-m", "lophoc", "sim", "experiment", about.experiment, "--json", "--speed", "0"]
    asked += ["--seed", str(about.seed), "--rate", repr(rate), "--seconds", repr(run.last_n / rate)]
    asked += ["--ideal"] if about.ideal else []
    for name, value in about.parameters.items():
        asked += ["--set", f"{name}={value}"]
    for one in turned:
        asked += ["--change", f"{(one.n - 1) / rate!r}:{one.name}={one.value}"]
    return asked


@contextmanager
def _simulator(run: Run, turned: list[Turned]) -> Iterator[Iterator[tuple[int, dict[str, float]]]]:
    process = subprocess.Popen(command(run, turned), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield _samples(process.stdout)
        said = process.stderr.read() if process.poll() not in (None, 0) else ""
    except CannotRepeat:
        process.wait(10)
        said = process.stderr.read().strip()
        if process.returncode:
            raise CannotRepeat(said.rpartition("Error: ")[2] or f"exit code {process.returncode}") from None
        raise
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _samples(lines: IO[str]) -> Iterator[tuple[int, dict[str, float]]]:
    for n, line in enumerate(lines):
        yield n, json.loads(line)


def _difference(kept: dict[str, float], made: dict[str, float]) -> str:
    names = [name for name in kept if kept[name] != made.get(name)]
    return ", ".join(f"{name} was {kept[name]!r}, is {made.get(name)!r}" for name in names) or "other outputs"
