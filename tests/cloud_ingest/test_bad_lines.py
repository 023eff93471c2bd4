"""Halving finds exactly the lines that a store refuses, and stores all the others."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_ingest.bad_lines import Rejected, write_lines


class Picky:
    """A store that refuses some lines; it may or may not store the rest of a body with a bad one in it."""

    def __init__(self, bad: set[str], stores_the_rest: bool, counts: bool) -> None:
        self.bad, self.stores_the_rest, self.counts = bad, stores_the_rest, counts
        self.stored: set[str] = set()
        self.requests = 0

    def post(self, content: bytes) -> Rejected | None:
        self.requests += 1
        came = content.decode().split("\n")
        bad = [line for line in came if line in self.bad]
        if not bad or self.stores_the_rest:
            self.stored |= set(came) - self.bad
        return Rejected("bad", self.counts and len(bad) == len(came)) if bad else None


@settings(max_examples=150)
@given(st.integers(0, 60), st.data(), st.booleans(), st.booleans())
def test_the_good_are_stored_and_the_bad_are_named(
    size: int, data: st.DataObject, stores_the_rest: bool, counts: bool
) -> None:
    lines = [f"line-{number}" for number in range(size)]
    bad = data.draw(st.sets(st.sampled_from(range(size)))) if size else set()
    store = Picky({lines[place] for place in bad}, stores_the_rest, counts)
    assert write_lines(lines, store.post) == sorted(bad)
    assert store.stored == {line for place, line in enumerate(lines) if place not in bad}


def test_one_bad_line_among_ten_thousand_costs_few_requests() -> None:
    store = Picky({"line-7777"}, stores_the_rest=True, counts=True)
    assert write_lines([f"line-{number}" for number in range(10_000)], store.post) == [7777]
    assert store.requests < 32


def test_a_store_that_drops_all_is_asked_once() -> None:
    lines = [f"line-{number}" for number in range(10_000)]
    store = Picky(set(lines), stores_the_rest=True, counts=True)
    assert len(write_lines(lines, store.post)) == 10_000
    assert store.requests == 1
