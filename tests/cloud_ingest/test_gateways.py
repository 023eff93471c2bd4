"""A gateway's state is the worst that is known of it, and never better than what was heard."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_ingest.gateways import Gateway, Said, State, condition, is_well, said_of

NOW = 1_790_000_000_000_000
S = 1_000_000


def gateway(
    said: Said | None = None, said_s: float = 60, heard_s: float = 10, newest_s: float | None = None
) -> Gateway:
    """Times as seconds ago."""
    newest = heard_s if newest_s is None else newest_s
    return Gateway(
        "thcs", "gw-1", said, NOW - round(said_s * S), NOW - round(heard_s * S), NOW - round(newest * S), 100, ("a101",)
    )


def state(one: Gateway) -> State:
    return condition(one, NOW).state


ONLINE = Said("online", clock="trusted")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (gateway(ONLINE), State.WORKING),
        (gateway(None), State.WORKING),
        (gateway(ONLINE, said_s=9000, heard_s=400), State.SILENT),
        (gateway(ONLINE, said_s=100, heard_s=400), State.WORKING),
        (gateway(Said("off"), said_s=5, heard_s=6), State.OFF),
        (gateway(Said("off"), said_s=50_000, heard_s=50_001), State.OFF),
        (gateway(Said("offline"), said_s=5, heard_s=40), State.UNREACHABLE),
        (gateway(Said("offline"), said_s=5, heard_s=4), State.UNREACHABLE),
        (gateway(Said("offline"), said_s=60, heard_s=10), State.WORKING),
        (gateway(Said("online", clock="untrusted")), State.CLOCK_UNTRUSTED),
        (gateway(Said("online", backlog_points=900, backlog_age_s=600), said_s=5, heard_s=60), State.BUFFERING),
        (gateway(Said("online", backlog_points=900, backlog_age_s=600), heard_s=1, newest_s=500), State.BUFFERING),
        (gateway(Said("online", backlog_points=900, backlog_age_s=600), heard_s=1, newest_s=2), State.WORKING),
        (gateway(Said("online", backlog_points=9, backlog_age_s=600, clock="untrusted"), 5, 60), State.BUFFERING),
    ],
)
def test_the_state_is_the_first_that_holds(one: Gateway, expected: State) -> None:
    assert state(one) is expected


def test_an_untrusted_clock_is_said_beside_a_worse_state() -> None:
    found = condition(gateway(Said("online", clock="untrusted"), said_s=9000, heard_s=9000), NOW)
    assert (found.state, found.clock_untrusted) == (State.SILENT, True)


def test_how_long_it_has_buffered_grows_while_it_says_nothing() -> None:
    said = Said("online", backlog_points=900, backlog_age_s=600)
    assert condition(gateway(said, said_s=120, heard_s=130), NOW).buffering_min == pytest.approx(12)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"offline", b"[]", b"null", b"\xff", b'{"state": 1}', b'{"state": "dancing"}', b'{"version": "1"}',
        b'{"state": "online", "version": "a b"}', b'{"state": "online", "boot": "\\n"}',
        b'{"state": "online", "backlog_points": -1}',
        b'{"state": "online", "backlog_age_s": -1}', b'{"state": "online", "version": "' + b"x" * 41 + b'"}',
    ],
)  # fmt: skip
def test_what_is_no_status_is_none(payload: bytes) -> None:
    assert said_of(payload) is None


def test_what_a_later_version_says_beside_is_left_alone() -> None:
    payload = json.dumps({"state": "online", "version": "9.1", "wire": 7, "temperature_c": 61.5, "disk": {"free": 1}})
    assert said_of(payload.encode()) == Said("online", version="9.1")


@given(st.binary(max_size=60) | st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=5)).map(
    lambda some: json.dumps({"state": "online", **some}).encode()))  # fmt: skip
def test_no_bytes_break_it(payload: bytes) -> None:
    said = said_of(payload)
    assert said is None or said.what in ("online", "off", "unreachable")


@given(
    st.none() | st.builds(
        Said, st.sampled_from(["online", "off", "offline"]), clock=st.sampled_from(["", "trusted", "untrusted"]),
        backlog_points=st.integers(0, 2), backlog_age_s=st.sampled_from([0.0, 50.0, 500.0]),
        journal_writable=st.booleans(),
    ),
    st.floats(-10, 1000), st.floats(-10, 1000), st.floats(-10, 1000),
)  # fmt: skip
def test_of_one_that_is_well_there_is_nothing_to_say(
    said: Said | None, said_s: float, heard_s: float, newest_s: float
) -> None:
    one = gateway(said, said_s, heard_s, newest_s)
    if is_well(one, NOW):
        found = condition(one, NOW)
        assert (found.state, found.clock_untrusted) == (State.WORKING, False)
        assert said is None or said.journal_writable


def test_most_gateways_are_well() -> None:
    assert is_well(gateway(ONLINE), NOW)
    assert is_well(gateway(None), NOW)
    assert not is_well(gateway(ONLINE, said_s=400, heard_s=301), NOW)
