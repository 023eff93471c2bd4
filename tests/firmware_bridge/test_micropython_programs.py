"""A board's record of its programs: what nobody has deployed is not believed, whatever the board says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.micropython_programs import Program, read_record, write_record

GOOD = {"version": "1.2.0", "main": "line.py", "files": {"line.py": "0" * 64}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=12), inside, max_size=4),
    max_leaves=20,
)


def written(name: str = "line-follower", **changed: Any) -> bytes:
    return json.dumps({"programs": {name: GOOD | changed}}).encode()


def test_a_sound_record_is_read_and_written_again() -> None:
    record = read_record(written())
    assert record == {"line-follower": Program("1.2.0", "line.py", {"line.py": "0" * 64})}
    assert read_record(write_record(record)) == record
    assert read_record(None) == {}


@pytest.mark.parametrize(
    "content",
    [
        written("none"),
        written("<b>bold</b>"),
        written("x" * 60),
        written(version="latest"),
        written(version=1),
        written(main="other.py"),
        written(files={}),
        written(files=[]),
        written(main="../boot.py", files={"../boot.py": "0" * 64}),
        written(files={"line.py": "short"}),
        written(files={"line.py": "0" * 64} | {f"f{number}.py": "0" * 64 for number in range(40)}),
        b"[" * 5000,
        b"\xff\x00",
        b'{"programs": 3}',
    ],
)
def test_what_nobody_has_deployed_names_nothing(content: bytes) -> None:
    assert read_record(content) == {}


@given(JSON)
def test_no_record_is_a_mistake_of_ours(anything: Any) -> None:
    for content in (anything, {"programs": anything}, {"programs": {"line-follower": anything}}):
        read_record(json.dumps(content).encode())


@given(st.binary(max_size=200))
def test_no_bytes_are_a_mistake_of_ours(content: bytes) -> None:
    assert read_record(content) == {}
