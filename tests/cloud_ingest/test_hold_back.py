"""Acks of a store that is not durable at once: later, or never if it was away in between."""

import threading
from collections.abc import Callable, Iterator

import pytest

from cloud_ingest.hold_back import HoldBack


class Held:
    """A hold-back whose clock stands until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.era = "first"
        self.released: list[str] = []
        self.dropped: list[str] = []
        self.came = threading.Event()
        self.held: HoldBack[str] = HoldBack(12.0, self._released, self._dropped, lambda: self.era, lambda: self.now)
        self.held.start()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.held.put([], self.era)  # wakes it

    def wait(self, holds: Callable[[], bool]) -> None:
        while not holds():
            assert self.came.wait(5.0)
            self.came.clear()

    def _released(self, answers: list[str]) -> None:
        self.released += answers
        self.came.set()

    def _dropped(self, answers: list[str]) -> None:
        self.dropped += answers
        self.came.set()


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.held.close()


def test_an_answer_goes_out_when_it_is_due_and_not_before(held: Held) -> None:
    held.held.put(["a"], "first")
    held.later(6.0)
    held.held.put(["b"], "first")
    held.later(6.0)
    held.wait(lambda: held.released == ["a"])
    held.later(6.0)
    held.wait(lambda: held.released == ["a", "b"])
    assert held.dropped == []


def test_if_the_store_was_started_again_in_between_nothing_is_answered(held: Held) -> None:
    held.held.put(["a"], "first")
    held.era = "second"
    held.held.put(["b"], "second")
    held.later(12.0)
    held.wait(lambda: held.released == ["b"] and held.dropped == ["a"])


def test_if_the_store_does_not_say_that_it_runs_nothing_is_answered(held: Held) -> None:
    held.held.put(["a"], "")
    held.era = ""
    held.later(12.0)
    held.wait(lambda: held.dropped == ["a"])
    assert held.released == []


def test_a_store_that_went_away_takes_all_that_wait_with_it(held: Held) -> None:
    held.held.put(["a", "b"], "first")
    held.held.forget()
    assert held.dropped == ["a", "b"]
    held.held.forget()
    held.later(100.0)
    held.held.close()
    assert (held.released, held.dropped) == ([], ["a", "b"])


def test_closing_answers_nothing_more(held: Held) -> None:
    held.held.put(["a"], "first")
    held.held.close()
    assert (held.released, held.dropped) == ([], [])
