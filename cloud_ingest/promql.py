"""What is asked of VictoriaMetrics, in MetricsQL, and its answers as ours: pure.

`f(x[d])` at time t is about the points after t - d and until t; our spans begin with their first moment and end just
before their last, so each question is put at a millisecond before the end.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.line_protocol import FIELDS
from cloud_ingest.store import Sample, SchoolTotals, Stored
from cloud_ingest.windows import Span, Window, mean, regrouped

_MS_US = 1000
_OURS = f"({'|'.join(Measurement)})_({'|'.join(FIELDS)})"
_WINDOW = ("count_over_time", "sum_over_time", "min_over_time", "max_over_time", "last_over_time", "tlast_over_time")
_LAST = ("last_over_time", "tlast_over_time")

_Answer = TypeVar("_Answer")
Parameters = dict[str, str | int]


class NoAnswer(ValueError):
    """The text is not an answer to the question; it says why."""


def of(school: str, room: str | None = None, devices: set[str] | None = None) -> str:
    """The series of a school, a room, or some devices of it. Slugs have nothing to escape in a pattern but '-'."""
    labels = {"school": school} if room is None else {"school": school, "room": room}
    some = "" if devices is None else f", device=~{_text('|'.join(sorted(devices)))}"
    return f'{{__name__=~"{_OURS}", {_labels(labels)}{some}}}'


def of_series(school: str, series: Series) -> str:
    tags = {"room": series.room, "device": series.device, "role": series.role, "metric": series.metric}
    labels = _labels({"school": school, **tags})
    return f'{{__name__=~"{series.measurement.value}_({"|".join(FIELDS)})", {labels}}}'


def latest(selector: str, span: Span) -> Parameters:
    return _at(f"{_all(_LAST, selector, span)} keep_metric_names", span)


def windows(school: str, series: Series, span: Span, window_us: int) -> Parameters:
    """For `query_range`. `span` is in whole windows."""
    length_ms = window_us // _MS_US
    first_ms, end_ms = span.since_us // _MS_US, span.until_us // _MS_US
    one = Span(0, window_us)
    return {
        "query": f"{_all(_WINDOW, of_series(school, series), one)} keep_metric_names",
        "start": _seconds(first_ms + length_ms - 1),
        "end": _seconds(end_ms - 1),
        "step": f"{length_ms}ms",
        "nocache": 1,  # what comes late changes windows that were asked for before
    }


def count(selector: str, span: Span) -> Parameters:
    return _at(f"sum(count_over_time({selector}{_range(span)}))", span)


def by_school(metric: str, span: Span) -> list[Parameters]:
    """Three questions: counts, sums and times."""
    selector = f'{{__name__=~"{_OURS}", {_labels({"metric": metric})}}}'
    numbers = selector.replace(f"|{FIELDS[-1]})", ")", 1)
    return [
        _at(f"sum(count_over_time({selector}{_range(span)})) by (school)", span),
        _at(f"sum(sum_over_time({numbers}{_range(span)})) by (school)", span),
        _at(f"max(tlast_over_time({selector}{_range(span)})) by (school)", span),
    ]


def checked(read: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """Whatever comes instead of an answer is a NoAnswer."""

    @wraps(read)
    def read_checked(*answers: Any) -> _Answer:
        try:
            return read(*answers)
        except NoAnswer:
            raise
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as wrong:
            raise NoAnswer(f"not an answer to MetricsQL: {type(wrong).__name__}") from wrong

    return read_checked


@checked
def latest_of(answer: object) -> list[Stored]:
    found: dict[tuple[str, Series], Stored] = {}
    for labels, at in _rollups(answer, _LAST).values():
        (last, time_s) = (at[name][0][1] for name in _LAST)
        series = _series(labels)
        time_us = round(time_s * 1000) * _MS_US
        room = series.room
        known = found.get((room, series))
        if known is None or known.time_us <= time_us:
            found[room, series] = Stored(
                series.measurement, series.device, series.role, series.metric, _value(labels, last), time_us,
                "simulated" in labels, room,
            )  # fmt: skip
    return sorted(found.values(), key=lambda s: (s.room, s.measurement, s.device, s.metric, s.role))


@checked
def windows_of(answer: object, window_us: int) -> list[Window]:
    found: list[tuple[int, float, Window]] = []
    for labels, at in _rollups(answer, _WINDOW).values():
        columns = (dict(at[name]) for name in _WINDOW)
        counts, sums, least, most, last, seen = columns
        for time_s, number in counts.items():
            start_us = (round(time_s * 1000) + 1) * _MS_US - window_us
            sum_of = None if _kind(labels) == "text" else (sums[time_s], least[time_s], most[time_s])
            total, minimum, maximum = sum_of or (None, None, None)
            window = Window(start_us, int(number), total, minimum, maximum, _value(labels, last[time_s]))
            found.append((start_us, seen[time_s], window))
    found.sort(key=lambda one: one[:2])
    return regrouped((window for _, _, window in found), window_us)


@checked
def count_of(answer: object) -> int:
    return sum(int(value) for _, values in _results(answer) for _, value in values)


@checked
def by_school_of(counts: object, sums: object, seen: object) -> list[SchoolTotals]:
    total, newest = ({labels["school"]: values[0][1] for labels, values in _results(one)} for one in (sums, seen))
    found = []
    for labels, values in _results(counts):
        school, number = labels["school"], int(values[0][1])
        mean_of = mean(total.get(school), number)
        found.append(SchoolTotals(school, number, mean_of, round(newest[school] * 1000) * _MS_US))
    return sorted(found, key=lambda one: one.school)


@checked
def series_of(answer: object) -> set[Series]:
    """The answer to `/api/v1/series`."""
    match answer:
        case {"status": "success", "data": [*found]}:
            return {_series(labels) for labels in found}
    raise NoAnswer("not a list of series")


@checked
def exported(text: str) -> list[Sample]:
    """Points in order of time, of one series of ours, from the lines of `/api/v1/export`."""
    found = []
    for line in text.splitlines():
        one = json.loads(line)
        labels = one["metric"]
        simulated = "simulated" in labels
        found += [
            Sample(int(time_ms) * _MS_US, _value(labels, float(value)), simulated)
            for time_ms, value in zip(one["timestamps"], one["values"], strict=True)
        ]
    return sorted(found, key=lambda sample: sample.time_us)


def _rollups(answer: object, names: tuple[str, ...]) -> dict[str, tuple[dict[str, str], dict[str, list[Any]]]]:
    """Each series with its labels, and what each function said of it. Those with an answer missing are left out."""
    found: dict[str, tuple[dict[str, str], dict[str, list[Any]]]] = {}
    for labels, values in _results(answer):
        name = labels.pop("rollup")
        found.setdefault(json.dumps(labels, sort_keys=True), (labels, defaultdict(list)))[1][name] = values
    return {key: one for key, one in found.items() if all(one[1].get(name) for name in names)}


def _results(answer: object) -> Iterator[tuple[dict[str, str], list[tuple[float, float]]]]:
    match answer:
        case {"status": "success", "data": {"resultType": "vector" | "matrix", "result": [*results]}}:
            pass
        case {"error": str(error)}:
            raise NoAnswer(error)
        case _:
            raise NoAnswer("not an answer to MetricsQL")
    for result in results:
        values = result["values"] if "values" in result else [result["value"]]
        yield dict(result["metric"]), [(float(at), float(value)) for at, value in values]


def _series(labels: dict[str, str]) -> Series:
    measurement = Measurement(labels["__name__"].rpartition("_")[0])
    return Series(measurement, labels["room"], labels["device"], labels["role"], labels["metric"])


def _kind(labels: dict[str, str]) -> str:
    return labels["__name__"].rpartition("_")[2]


def _value(labels: dict[str, str], number: float) -> Value:
    kind = _kind(labels)
    if kind == "text":
        return labels.get("text", "")
    return bool(number) if kind == "flag" else number


def _all(functions: tuple[str, ...], selector: str, span: Span) -> str:
    names = ", ".join(f'"{name}"' for name in functions)
    return f"aggr_over_time(({names}), {selector}{_range(span)})"


def _at(query: str, span: Span) -> Parameters:
    return {"query": query, "time": _seconds(span.until_us // _MS_US - 1), "nocache": 1}


def _range(span: Span) -> str:
    return f"[{(span.until_us - span.since_us) // _MS_US}ms]"


def _seconds(time_ms: int) -> str:
    return f"{time_ms / 1000:.3f}"


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={_text(text)}" for name, text in labels.items())


def _text(text: str) -> str:
    return json.dumps(text)
