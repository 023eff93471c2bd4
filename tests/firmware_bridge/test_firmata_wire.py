"""Firmata's messages: byte for byte as the protocol and a real board have them, however badly they arrive."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.firmata_wire import (
    ANALOG_MAPPING_QUERY,
    CAPABILITY_QUERY,
    FIRMWARE_QUERY,
    RESET,
    VERSION_QUERY,
    AnalogMapping,
    AnalogValue,
    AskPin,
    Capabilities,
    DigitalPort,
    Firmware,
    Message,
    Mode,
    OtherSysex,
    Parser,
    PinState,
    ReportAnalog,
    ReportDigital,
    SamplingInterval,
    ServoConfig,
    SetMode,
    SonarConfig,
    SonarData,
    Text,
    Version,
    WriteAnalog,
    WriteDigital,
)

SEVEN, FOURTEEN, NIBBLE = st.integers(0, 127), st.integers(0, 16383), st.integers(0, 15)
DATA = st.lists(SEVEN, max_size=20).map(bytes)
KNOWN = (0x62, 0x63, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x79, 0x7A)
MODES = st.tuples(st.integers(0, 126), st.integers(0, 126))
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Version, SEVEN, SEVEN),
    st.builds(Firmware, st.text(max_size=20), SEVEN, SEVEN),
    st.builds(Capabilities, st.lists(st.lists(MODES, max_size=4).map(tuple), max_size=20).map(tuple)),
    st.builds(AnalogMapping, st.lists(st.none() | st.integers(0, 126), max_size=20).map(tuple)),
    st.builds(PinState, SEVEN, SEVEN, st.integers(0, 1 << 30)),
    st.builds(PinState, SEVEN, st.none(), st.none()),
    st.builds(AnalogValue, NIBBLE, FOURTEEN),
    st.builds(DigitalPort, NIBBLE, FOURTEEN),
    st.builds(Text, st.text(max_size=20)),
    st.builds(SonarData, SEVEN, FOURTEEN),
    st.builds(OtherSysex, SEVEN.filter(lambda command: command not in KNOWN), DATA),
)


def parsed(data: bytes) -> list[Message]:
    return list(Parser().feed(data))


@pytest.mark.parametrize(
    ("message", "bytes_"),
    [
        (SetMode(9, Mode.PWM), "f40903"),
        (SetMode(2, Mode.PULLUP), "f4020b"),
        (WriteDigital(13, True), "f50d01"),
        (WriteAnalog(9, 200), "e94801"),
        (WriteAnalog(44, 200), "f06f2c4801f7"),
        (ReportAnalog(0, True), "c001"),
        (ReportDigital(1, False), "d100"),
        (SamplingInterval(1000), "f07a6807f7"),
        (ServoConfig(11, 984, 1856), "f0700b5807400ef7"),
        (AskPin(13), "f06d0df7"),
        (SonarConfig(7, 8, 33, 200), "f062070821" + "4801f7"),
    ],
)
def test_what_we_say_is_what_the_protocol_says(message: Any, bytes_: str) -> None:
    assert message.to_bytes().hex() == bytes_


def test_questions_are_as_the_protocol_has_them() -> None:
    queries = (FIRMWARE_QUERY, CAPABILITY_QUERY, ANALOG_MAPPING_QUERY, VERSION_QUERY, RESET)
    assert [query.hex() for query in queries] == ["f079f7", "f06bf7", "f069f7", "f9", "ff"]


@pytest.mark.parametrize(
    ("bytes_", "message"),
    [
        ("f90205", Version(2, 5)),
        ("f0790205530074006100" + "6e006400" + "f7", Firmware("Stand", 2, 5)),
        ("f06e09034801f7", PinState(9, Mode.PWM, 200)),
        ("f06e0d0100f7", PinState(13, Mode.OUTPUT, 0)),
        ("f06e63f7", PinState(99, None, None)),
        ("f06c7f00010b017f7f00010b0101010308040e7ff7",
         Capabilities(((), ((0, 1), (11, 1)), (), ((0, 1), (11, 1), (1, 1), (3, 8), (4, 14))))),
        ("f06a7f7f0001f7", AnalogMapping((None, None, 0, 1))),
        ("e16807", AnalogValue(1, 1000)),
        ("900c00", DigitalPort(0, 12)),
        ("f06307480" + "1f7", SonarData(7, 200)),
        ("f0710f0068006f00f7", Text("\x0fho")),
        ("f00102f7", OtherSysex(1, b"\x02")),
    ],
)  # fmt: skip
def test_what_real_boards_say_is_understood(bytes_: str, message: Message) -> None:
    """Recorded from StandardFirmata 2.5.8, or taken from protocol.md."""
    assert parsed(bytes.fromhex(bytes_)) == [message]
    assert message.to_bytes().hex() == bytes_


@given(MESSAGES)
def test_every_message_comes_back_from_its_bytes(message: Message) -> None:
    assert parsed(message.to_bytes()) == [message]


@given(st.lists(MESSAGES, max_size=6), st.randoms(use_true_random=False))
def test_messages_are_the_same_however_the_bytes_arrive(messages: list[Message], chance: random.Random) -> None:
    data = b"".join(message.to_bytes() for message in messages)
    parser, found, at = Parser(), list[Message](), 0
    while at < len(data):
        step = chance.randint(1, 7)
        found += parser.feed(data[at : at + step])
        at += step
    assert found == messages
    assert parser.dropped == 0


@given(st.binary(max_size=300))
def test_any_bytes_are_taken_and_every_byte_is_accounted_for(data: bytes) -> None:
    parser = Parser()
    list(parser.feed(data))
    assert parser.dropped <= len(data)
    assert len(parser._message) <= len(data)


@given(st.binary(max_size=100), MESSAGES)
def test_after_any_rubbish_the_next_message_is_heard(rubbish: bytes, message: Message) -> None:
    assert parsed(rubbish + message.to_bytes())[-1] == message


@given(MESSAGES, MESSAGES, st.data())
def test_half_a_message_costs_no_more_than_itself(lost: Message, whole: Message, data: st.DataObject) -> None:
    cut = lost.to_bytes()[: data.draw(st.integers(0, len(lost.to_bytes()) - 1))]
    assert parsed(cut + whole.to_bytes()) == [whole]


def test_a_message_without_end_is_forgotten() -> None:
    parser = Parser()
    assert list(parser.feed(b"\xf0\x71" + b"\x01" * 10_000)) == []
    assert len(parser._message) < 5000
    assert list(parser.feed(b"\xf7\xe1\x68\x07")) == [AnalogValue(1, 1000)]


@pytest.mark.parametrize(
    "bytes_",
    [
        "f0f7",
        "f079f7",
        "f07902f7",
        "f06ef7",
        "f06e0901f7",
        "f06c0001f7",
        "f06c007ff7",
        "f06307f7",
        "c00101",
        "ff0000",
        "f7",
    ],
)
def test_what_is_too_short_or_not_a_boards_to_say_is_dropped(bytes_: str) -> None:
    parser = Parser()
    assert list(parser.feed(bytes.fromhex(bytes_))) == []
    assert parser.dropped == len(bytes.fromhex(bytes_))


def test_capabilities_say_what_a_pin_can_and_how_finely() -> None:
    uno = Capabilities(((), ((0, 1), (3, 8))))
    assert uno.resolution(1, Mode.PWM) == 8
    assert uno.resolution(1, Mode.SERVO) is None
    assert uno.resolution(0, Mode.INPUT) is None
    assert uno.resolution(2, Mode.INPUT) is None
