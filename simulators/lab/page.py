"""An experiment in words: for people (a page, a table of all), and for programs."""

from collections.abc import Iterable
from typing import Any

from simulators.experiments import Found, every
from simulators.lab.experiment import PURE, Effect, Number, Output, Parameter

_SUBJECTS = {
    "physics": "Vật lí / Physics",
    "chemistry": "Hóa học / Chemistry",
    "biology": "Sinh học / Biology",
    "earth": "Địa lí / Earth science",
}
_HEAD = """# Simulated experiments

Thí nghiệm mô phỏng: mỗi thí nghiệm là một mô hình nhỏ, có tham số (đơn vị, khoảng), đại lượng đo và nhiễu của dụng cụ đo đã khai báo. Cùng một `--seed` cho lại đúng từng bit.

Each is one file in `simulators/experiments/`, whose docstring has the equations and their source (`lophoc sim experiment NAME --show` prints it). This page is written by `python -m simulators.lab.page`; a test fails when it is not.

Parameters marked ↺ count from the next reset; the others are controls that act at once. An instrument reads at its own rate, adds normal noise of the standard deviation given (sd), and rounds to its resolution; `--ideal` switches noise and rounding off.
"""  # noqa: E501


def described(found: Found) -> dict[str, Any]:
    """For programs: what the wire's `describe` answers and `--list --json` prints."""
    experiment = found.experiment
    return {
        "protocol": 1,
        "experiment": found.name,
        "simulated": True,
        "name": {"vi": experiment.vi, "en": experiment.en},
        "subject": experiment.subject,
        "about": found.about,
        "clock": {"unit": experiment.clock.unit, "per_s": experiment.clock.per_s, "output": experiment.clock.output},
        "parameters": [_parameter(one) for one in experiment.parameters],
        "outputs": [_output(one) for one in experiment.outputs],
    }


def shown(found: Found) -> str:
    """For people: what `--show` prints."""
    experiment = found.experiment
    lines = [f"{found.name}: {experiment.vi} / {experiment.en}", "", found.about, "", "Tham số / parameters:"]
    lines += [
        f"  {one.name} = {_plain(one.default)}   {one.vi} / {one.en}: {one.right}{_when(one)}"
        for one in experiment.parameters
    ]
    lines += ["", "Đại lượng đo / outputs:"]
    lines += [f"  {one.name}   {one.vi} / {one.en}: {_instrument(one)}" for one in experiment.outputs]
    return "\n".join(lines)


def markdown(all_found: Iterable[Found]) -> str:
    """docs/experiments.md"""
    parts, subject = [_HEAD], ""
    for found in sorted(all_found, key=lambda one: (list(_SUBJECTS).index(one.experiment.subject), one.name)):
        experiment = found.experiment
        if experiment.subject != subject:
            subject = experiment.subject
            parts.append(f"\n## {_SUBJECTS[subject]}\n")
        parts.append(f"\n### {experiment.vi} / {experiment.en}: `{found.name}`\n\n{found.about.partition(chr(10))[0]}")
        if experiment.clock.output is not None:
            amount = f"{experiment.clock.per_s:g} {experiment.clock.unit}"
            parts.append(f" One second at the bench is {amount} (`{experiment.clock.output}`).")
        parts.append("\n\n| parameter | | takes | default |\n|---|---|---|---|\n")
        parts += [
            f"| `{one.name}`{' ↺' if one.effect is Effect.AT_RESET else ''} | {one.vi} / {one.en} | {_range(one)} "
            f"| {_plain(one.default)} |\n"
            for one in experiment.parameters
        ]
        parts.append("\n| output | | instrument |\n|---|---|---|\n")
        parts += [f"| `{one.name}` | {one.vi} / {one.en} | {_instrument(one)} |\n" for one in experiment.outputs]
    return "".join(parts)


def _parameter(one: Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {"name": one.name, "vi": one.vi, "en": one.en, "effect": one.effect, "default": one.default}
    if isinstance(one, Number):
        return {**told, "unit": _unit(one.unit), "low": one.low, "high": one.high}
    return {**told, "options": {word: {"vi": vi, "en": en} for word, (vi, en) in one.options.items()}}


def _output(one: Output) -> dict[str, Any]:
    read = one.instrument
    instrument = {
        "vi": read.vi, "en": read.en, "resolution": read.resolution, "sd": read.sd, "rate_hz": read.rate_hz
    }  # fmt: skip
    return {"name": one.name, "vi": one.vi, "en": one.en, "unit": _unit(one.unit), "instrument": instrument}


def _unit(unit: str) -> str:
    """As readings have it: a pure number has none."""
    return "" if unit == PURE else unit


def _range(one: Parameter) -> str:
    if isinstance(one, Number):
        return f"{_plain(one.low)} … {_plain(one.high)} {_unit(one.unit)}".rstrip()
    return ", ".join(f"`{word}`" for word in one.options)


def _instrument(one: Output) -> str:
    read, unit = one.instrument, _unit(one.unit)
    return (
        f"{read.vi} / {read.en}, resolution {_plain(read.resolution)} {unit}".rstrip()
        + f", sd {_plain(read.sd)} {unit}".rstrip()
        + f", {_plain(read.rate_hz)} Hz"
    )


def _when(one: Parameter) -> str:
    return "; counts from the next reset" if one.effect is Effect.AT_RESET else ""


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


if __name__ == "__main__":
    print(markdown(every()), end="")
