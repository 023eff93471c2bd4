"""`lophoc sim experiment NAME`: a simulated experiment, printed, or served at a port as a device."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from simulators import experiments
from simulators.experiments import Found, UnknownExperiment
from simulators.until_stopped import run as run_until_stopped

if TYPE_CHECKING:  # numpy and scipy take their time, and may be absent while another simulator runs
    from simulators.lab.run import Run, Sample
    from simulators.lab.served_bench import ServedBench

_EPSILON_S = 1e-9


@dataclass(frozen=True, slots=True)
class Asked:
    """How the experiment is to run."""

    settings: dict[str, str]
    changes: list[tuple[float, str, str]]
    """(when, parameter, value), in the order of time."""
    seed: int
    rate_hz: float
    speed: float
    ideal: bool


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--list", "as_list", is_flag=True, help="List the experiments and stop.")
@click.option("--show", is_flag=True, help="Print the experiment's equations, parameters and instruments, and stop.")
@click.option("--set", "given", multiple=True, metavar="K=V", help="A parameter's value; may be given several times.")
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="T:K=V",
    help="Turn a parameter after T seconds, as in a recorded run.",
)
@click.option(
    "--speed", default=1.0, show_default=True, help="Times real time; 0 is as fast as it can (printed runs only)."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="The same seed, the same run.")
@click.option("--seconds", type=click.FloatRange(min=0), help="How long the experiment runs; without it, until Ctrl-C.")
@click.option(
    "--rate", "rate_hz", default=20.0, show_default=True, type=click.FloatRange(0.01, 10_000), help="Samples a second."
)
@click.option("--ideal", is_flag=True, help="Instruments without noise and rounding.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a sample.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Serve at this TCP port (0: a free one) instead of printing."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--fault", "faults", multiple=True, metavar="FAULT", help="Injure the served bench: silent, garbage, refuse, drop."
)
def command(
    names: tuple[str, ...],
    as_list: bool,
    show: bool,
    given: tuple[str, ...],
    changes: tuple[str, ...],
    speed: float,
    seed: int,
    seconds: float | None,
    rate_hz: float,
    ideal: bool,
    as_json: bool,
    port: int | None,
    host: str,
    faults: tuple[str, ...],
) -> None:
    """A simulated experiment, or a teacher's own in a file ending in .py.

    With --port it is a device at a TCP port; several NAMEs take one port each, from that port on.
    """
    with _errors_in_words():
        if as_list:
            _list(as_json)
            return
        if not names:
            raise click.UsageError("which experiment? `lophoc sim experiment --list` names them")
        every = [experiments.find(name) for name in names]
        if show:
            click.echo("\n\n".join(_page().shown(found) for found in every))
            return
        if not 0 <= speed <= 1e9 or (speed == 0 and port is not None):
            raise click.BadParameter("is a number above 0, or 0 for a printed run", param_hint="--speed")
        settings = dict(_pair(text, "--set") for text in given)
        asked = Asked(settings, sorted(_change(text) for text in changes), seed, rate_hz, speed, ideal)
        if port is not None:
            _serve(every, asked, host, port, faults)
        elif len(every) > 1:
            raise click.UsageError("several experiments at once need --port")
        else:
            _print(every[0], asked, seconds, as_json)


def _list(as_json: bool) -> None:
    every = experiments.every()
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode([_page().described(found) for found in every]), indent=1))
        return
    width = max(len(found.name) for found in every)
    for found in every:
        click.echo(f"{found.name:<{width}}  {found.experiment.vi} / {found.experiment.en}")


def _print(found: Found, asked: Asked, seconds: float | None, as_json: bool) -> None:
    from simulators.lab.run import Run

    experiment = found.experiment
    run = Run(experiment, _parsed(found, asked.settings), asked.seed, asked.rate_hz, asked.ideal)
    changes = [(when, name, experiment.parameter(name).parsed(value)) for when, name, value in asked.changes]
    write = _json_writer() if as_json else _table_writer(found, run)
    with contextlib.suppress(KeyboardInterrupt):  # that is how an endless run ends
        for sample in _paced(run, asked.speed, seconds):
            write(sample)
            while changes and changes[0][0] <= sample.t_s + _EPSILON_S:
                _, name, value = changes.pop(0)
                run.set(name, value)


def _paced(run: "Run", speed: float, seconds: float | None) -> "Iterator[Sample]":
    began_s = time.monotonic()
    while seconds is None or run.next_n / run.rate_hz <= seconds + _EPSILON_S:
        if speed > 0:
            time.sleep(max(0.0, began_s + run.next_n / run.rate_hz / speed - time.monotonic()))
        yield run.sample()


def _json_writer() -> "Callable[[Sample], None]":
    import msgspec

    encoder = msgspec.json.Encoder()
    return lambda sample: click.echo(encoder.encode({"t_s": sample.t_s, **sample.values}))


def _table_writer(found: Found, run: "Run") -> "Callable[[Sample], None]":
    """Prints the heading at once, then a line for each sample."""
    experiment = found.experiment
    own_time = experiment.clock.output
    names = ["t_s", *([] if own_time is None else [own_time]), *(one.name for one in experiment.outputs)]
    values = ", ".join(f"{name} = {value if isinstance(value, str) else f'{value:g}'}"
                       for name, value in run.settings.values.items())  # fmt: skip
    click.echo(f"{experiment.vi} / {experiment.en} (mô phỏng / simulated)\n{values}; seed {run.seed}\n")
    click.echo("  ".join(f"{name:>10}" for name in names))
    widths = [max(10, len(name)) for name in names]

    def write(sample: "Sample") -> None:
        row = [sample.t_s, *sample.values.values()]
        click.echo("  ".join(f"{value:>{width}.6g}" for value, width in zip(row, widths, strict=True)))

    return write


def _serve(every: list[Found], asked: Asked, host: str, port: int, faults: tuple[str, ...]) -> None:
    if asked.changes:
        raise click.UsageError("--change is for printed runs; a served bench is told by its clients")
    from simulators.lab.served_bench import FAULTS

    unknown = [fault for fault in faults if fault not in FAULTS]
    if unknown:
        raise click.BadParameter(f"'{unknown[0]}' is not one of {', '.join(FAULTS)}", param_hint="--fault")
    if port and port + len(every) - 1 > 65535:
        raise click.BadParameter(f"there are no {len(every)} ports from {port} on", param_hint="--port")
    served = [_bench(found, asked, host, port + n if port else 0, faults) for n, found in enumerate(every)]

    @asynccontextmanager
    async def together() -> "AsyncIterator[list[ServedBench]]":
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(one) for one in served]

    run_until_stopped(together, lambda benches: " ".join(one.address for one in benches))


def _bench(found: Found, asked: Asked, host: str, port: int, faults: tuple[str, ...]) -> "ServedBench":
    from simulators.lab.served_bench import ServedBench

    settings = _parsed(found, asked.settings)
    return ServedBench(found, port, host, settings, asked.seed, asked.rate_hz, asked.speed, asked.ideal, faults)


def _parsed(found: Found, settings: dict[str, str]) -> dict[str, object]:
    """Raises WrongParameter."""
    return {name: found.experiment.parameter(name).parsed(value) for name, value in settings.items()}


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"'{text}' is not NAME=VALUE, such as length_m=0.5", param_hint=option)
    return name.strip(), value.strip()


def _change(text: str) -> tuple[float, str, str]:
    when, _, rest = text.partition(":")
    try:
        return float(when), *_pair(rest, "--change")
    except ValueError as wrong:
        raise click.BadParameter(
            f"'{text}' is not T:NAME=VALUE, such as 2.5:length_m=0.5", param_hint="--change"
        ) from wrong


def _page() -> Any:
    from simulators.lab import page

    return page


@contextmanager
def _errors_in_words() -> Iterator[None]:
    try:
        yield
    except UnknownExperiment as unknown:
        raise click.BadParameter(str(unknown), param_hint="NAME") from unknown
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"simulated experiments need the Python package {missing.name}; install lophoc[lab]"
        ) from missing
    except ValueError as wrong:
        from simulators.lab.experiment import WrongParameter

        if not isinstance(wrong, WrongParameter):
            raise
        raise click.BadParameter(str(wrong), param_hint="--set") from wrong
    except RuntimeError as failed:
        from simulators.lab.motion import Diverged

        if not isinstance(failed, Diverged):
            raise
        raise click.ClickException(str(failed)) from failed
