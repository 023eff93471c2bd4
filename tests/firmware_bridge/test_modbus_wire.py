"""Modbus questions and answers as bytes: makers' own frames, and noise of every kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import NotNow, Refused
from firmware_bridge.modbus_map import Block, Table
from firmware_bridge.modbus_wire import Question
from simulators.modbus import checksum

ROOM = Question.about(1, Block(Table.INPUT, 1, 2, ()))
ANSWER = bytes.fromhex("01 04 04 01 31 02 22 2A CE")


@pytest.mark.parametrize(
    ("table", "first", "count", "frame"),
    [
        (Table.INPUT, 1, 2, "01 04 00 01 00 02 20 0B"),
        (Table.INPUT, 0, 2, "01 04 00 00 00 02 71 CB"),
        (Table.HOLDING, 0, 2, "01 03 00 00 00 02 C4 0B"),
        (Table.HOLDING, 5, 1, "01 03 00 05 00 01 94 0B"),
    ],
)
def test_questions_are_as_in_makers_sheets(table: Table, first: int, count: int, frame: str) -> None:
    assert Question.about(1, Block(table, first, count, ())).frame == bytes.fromhex(frame)


def test_an_answer_gives_its_registers() -> None:
    answer = ROOM.answer_in(ANSWER)
    assert answer is not None
    assert ROOM.registers(answer) == [0x131, 0x222]
    assert len(ANSWER) == ROOM.answer_length


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_no_noise_hides_an_answer_or_is_taken_for_one(before: bytes, after: bytes) -> None:
    answer = ROOM.answer_in(ANSWER + after)
    assert answer == ANSWER[1:-2]
    assert ROOM.answer_in(before + ANSWER) == answer
    assert ROOM.answer_in(before) is None


@given(st.integers(0, len(ANSWER) * 8 - 1))
def test_one_wrong_bit_is_noticed(bit: int) -> None:
    spoiled = bytearray(ANSWER)
    spoiled[bit // 8] ^= 1 << bit % 8
    assert ROOM.answer_in(bytes(spoiled)) is None


@given(st.integers(0, len(ANSWER) - 1))
def test_a_part_of_an_answer_is_none(length: int) -> None:
    assert ROOM.answer_in(ANSWER[:length]) is None
    assert ROOM.answer_in(ROOM.frame + ANSWER[:length]) is None


@given(st.integers(0, 255))
def test_every_exception_is_told(code: int) -> None:
    raw = bytes([1, 0x84, code])
    answer = ROOM.answer_in(raw + checksum(raw))
    assert answer is not None
    with pytest.raises(NotNow if code in (5, 6) else Refused, match=f"address 1 answers with exception {code}: "):
        ROOM.registers(answer)
