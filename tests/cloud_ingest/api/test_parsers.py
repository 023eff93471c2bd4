"""What the API reads and writes by itself: cursors, times, CSV cells, ETags."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_ingest.api import answers, csv_table, cursor, times
from cloud_ingest.operations.choosing import WrongQuestion
from cloud_ingest.windows import DAY_US, HOUR_US, Span

NOW_US = 1_790_000_000_000_000
_slugs = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?", fullmatch=True)


@given(st.lists(_slugs, min_size=1, max_size=4).map(tuple))
def test_a_cursor_comes_back_as_it_was(key: tuple[str, ...]) -> None:
    assert cursor.read(cursor.written(key), len(key)) == key
    with pytest.raises(WrongQuestion):
        cursor.read(cursor.written(key), len(key) + 1)


@given(st.text(max_size=80))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    try:
        key = cursor.read(text, 2)
    except WrongQuestion:
        return
    assert key is not None
    assert cursor.written(key) == text


@given(st.integers(1, 4_000_000_000_000_000))
def test_a_time_that_was_shown_is_read_as_the_same_to_the_millisecond(time_us: int) -> None:
    shown = times.shown(time_us)
    assert shown is not None
    assert times.read("since", shown, NOW_US) == time_us // 1000 * 1000


@given(st.text(max_size=40) | st.from_regex(r"\d{1,4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?", fullmatch=True))
def test_what_is_no_time_is_refused_with_its_field(text: str) -> None:
    try:
        time_us = times.read("since", text, NOW_US)
    except WrongQuestion:
        return
    assert time_us >= 0


@pytest.mark.parametrize(
    ("text", "expected_us"),
    [
        ("1h", NOW_US - HOUR_US),
        ("365d", NOW_US - 365 * DAY_US),
        ("1970-01-01T07:00:01+07:00", 1_000_000),
        ("1970-01-01T07:00:01 07:00", 1_000_000),  # a plus sign that was not escaped
        ("1970-01-01T00:00:01Z", 1_000_000),
    ],
)
def test_reads_times(text: str, expected_us: int) -> None:
    assert times.read("since", text, NOW_US) == expected_us


@pytest.mark.parametrize(
    ("days", "window_us"), [(0.01, 60_000_000), (1, 60_000_000), (7, 15 * 60_000_000), (365, 6 * HOUR_US)]
)
def test_a_chart_gets_windows_that_it_can_show(days: float, window_us: int) -> None:
    span = Span(NOW_US - int(days * DAY_US), NOW_US)
    assert times.window_us(None, span) == window_us
    assert len(span.starts(window_us)) <= 2000


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_no_cell_of_a_csv_begins_a_formula(rows: list[list[str]]) -> None:
    text = csv_table.written(["a", "b"], rows)
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))[1:]
    assert len(read) == len(rows)
    for before, after in zip(rows, read, strict=True):
        for was, cell in zip(before, after, strict=True):
            assert cell in (was, f"'{was}")
            assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize(
    ("value", "cell"),
    [(-1.5, "-1.5"), (None, ""), (True, "true"), ("=cmd()", "'=cmd()"), (" +1", "' +1"), (["a", "b"], "a b"), (3, "3")],
)
def test_numbers_stay_numbers_in_csv(value: object, cell: str) -> None:
    assert csv_table.cell(value) == cell


@pytest.mark.parametrize(
    ("if_none_match", "has_it"),
    [('W/"a"', True), ('"a"', True), ('"b", W/"a"', True), ("*", True), ("", False), ('"b"', False), ('W/"aa"', False)],
)
def test_compares_etags_weakly(if_none_match: str, has_it: bool) -> None:
    assert answers.has_it(if_none_match, 'W/"a"') is has_it
