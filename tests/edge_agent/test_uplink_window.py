"""As much is on its way as the time that answers take asks for, and less as soon as the centre has too much to do."""

import pytest

from edge_agent.uplink_window import LEAST, MOST_BYTES, Window


def answered(window: Window, times: int, took_s: float) -> None:
    """So many answers to a window that is full, all at one moment."""
    left = times
    while left:
        out = 0
        while window.open:
            window.enter(1)
            out += 1
        some = min(left, out)
        for _ in range(some):
            window.measured(took_s)
            window.answered()
        for _ in range(out):
            window.leave(1)
        left -= some


def test_it_begins_small_and_stays_so_where_answers_come_at_once() -> None:
    window = Window(20.0, 256)
    answered(window, 1000, took_s=0.05)
    assert window.size == LEAST


def test_answers_that_take_twelve_seconds_make_it_what_the_aim_needs_within_four_of_them() -> None:
    window, sizes = Window(20.0, 256), []
    for _ in range(4):
        answered(window, window.size, took_s=12.1)
        sizes.append(window.size)
    assert sizes == [3 * LEAST, 9 * LEAST, 27 * LEAST, 242]
    assert 242 * 4_000 / 12.1 >= 50_000  # points a second


def test_it_never_has_more_than_its_bound() -> None:
    window = Window(20.0, 256)
    answered(window, 1000, took_s=1000.0)
    assert window.size == 256


def test_it_does_not_grow_while_nothing_waits_for_it() -> None:
    window = Window(20.0, 256)
    for _ in range(100):
        window.enter(1)
        window.measured(12.0)
        window.answered()
        window.leave(1)
    assert window.size == LEAST


def test_one_answer_that_waited_for_nothing_or_for_very_long_changes_nothing() -> None:
    window = Window(20.0, 256)
    answered(window, 300, took_s=12.0)
    answered(window, 1, took_s=0.001)
    answered(window, 1, took_s=60.0)
    assert window.size == 240


def test_it_shrinks_when_answers_become_fast() -> None:
    window = Window(20.0, 256)
    answered(window, 300, took_s=12.0)
    answered(window, 32, took_s=0.1)
    assert window.size == LEAST


def test_a_centre_with_too_much_to_do_halves_it_once_for_all_that_was_on_its_way() -> None:
    window = Window(20.0, 256)
    answered(window, 300, took_s=12.0)
    for now_s in (100.0, 100.1, 111.9):
        window.cut(now_s)
    assert window.size == 120
    for now_s in (200.0, 300.0, 400.0, 500.0, 600.0):
        window.cut(now_s)
    assert window.size == LEAST


@pytest.mark.parametrize("size_bytes", [MOST_BYTES // 2, 2 * MOST_BYTES])
def test_what_is_on_its_way_is_bounded_in_bytes_too_but_one_parcel_always_may_go(size_bytes: int) -> None:
    window, out = Window(20.0, 256), 0
    while window.open:
        window.enter(size_bytes)
        out += 1
    assert out == max(1, MOST_BYTES // size_bytes)
    window.leave(size_bytes)
    assert window.open
