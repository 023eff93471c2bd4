"""PJLink's bytes, against the examples of the specification and against anything else that may come."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import pjlink_wire as wire
from firmware_bridge.errors import BadReply
from firmware_bridge.pjlink_wire import Failure, Greeting, Level, Part, Reply, Request, Troubles

PASSWORD = "JBMIAProjectorLink"

WORDS = st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), min_size=1, max_size=60)
BODIES = st.from_regex(r"[A-Z0-9]{4}", fullmatch=True)
NUMBERS = st.from_regex(r"[1-6][1-9A-Z]", fullmatch=True)


def test_the_md5_prefix_is_that_of_the_specification() -> None:
    """Class 1 Version 1.04, section 5.1 (1-3)."""
    assert wire.md5_prefix("498e4a67", PASSWORD) == b"5d8409bc1c3fa39749434aa3a5c38682"


def test_the_sha256_prefix_is_that_of_the_specification() -> None:
    """Class 2 Version 2.10, section 5.1 (1-4) and (1-5)."""
    own = bytes.fromhex("c14b279e603d8a5f17e849ba360f2dc5")
    assert wire.sha256_prefix("3db25e10f69c47a85adb24cf361897e0", own, PASSWORD) == (
        b"c14b279e603d8a5f17e849ba360f2dc5" + b"70ab129eac6924d4c129c9c4fcf45be42e1e776325a66db67e5b6eee50f2a692"
    )


@pytest.mark.parametrize(
    ("line", "greeting"),
    [
        (b"PJLINK 0\r", Greeting(Level.OPEN)),
        (b"PJLINK 1 498e4a67\r", Greeting(Level.MD5, "498e4a67")),
        (b"PJLINK 2 3db25e10f69c47a85adb24cf361897e0\r", Greeting(Level.SHA256, "3db25e10f69c47a85adb24cf361897e0")),
        (b"pjlink  1  498E4A67 \r\n", Greeting(Level.MD5, "498E4A67")),
    ],
)
def test_a_greeting_is_read(line: bytes, greeting: Greeting) -> None:
    assert Greeting.from_bytes(line) == greeting


@pytest.mark.parametrize("line", [b"", b"PJLINK\r", b"PJLINK 1\r", b"PJLINK 1 498e\r", b"SSH-2.0-x\r", b"\xff\xfe"])
def test_what_is_no_greeting_is_said_so(line: bytes) -> None:
    with pytest.raises(BadReply, match="not a PJLink greeting"):
        Greeting.from_bytes(line)


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (Request("POWR", "1"), b"%1POWR 1\r"),
        (Request("POWR"), b"%1POWR ?\r"),
        (Request("INPT", "6A", 2), b"%2INPT 6A\r"),
        (Request("INNM", "?31", 2), b"%2INNM ?31\r"),
        (Request("AVMT", "31"), b"%1AVMT 31\r"),
        (Request("FREZ", "1", 2), b"%2FREZ 1\r"),
    ],
)
def test_commands_are_those_of_the_specification(request_: Request, line: bytes) -> None:
    assert request_.to_bytes() == line
    assert Request.from_bytes(line) == request_


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"%1POWR=OK\r", Reply(1, "POWR", "OK")),
        (b"%1powr=ok", Reply(1, "POWR", "ok")),
        (b"\n%1LAMP= 12345 1 \r\n", Reply(1, "LAMP", "12345 1")),
        (b"%1NAME=\r", Reply(1, "NAME", "")),
        (b"%1INF1=a=b\r", Reply(1, "INF1", "a=b")),
        (b"%1NAME=Ph\xf2ng\r", Reply(1, "NAME", "Ph�ng")),
    ],
)
def test_a_reply_is_read_however_it_is_written(line: bytes, reply: Reply) -> None:
    assert Reply.from_bytes(line) == reply


@pytest.mark.parametrize(
    ("parameter", "failure"),
    [("ERR1", Failure.UNDEFINED), ("err3", Failure.NOT_NOW), ("ERR 4", Failure.DEVICE), ("OK", None), ("ERR9", None)],
)
def test_a_failure_is_known_by_its_number(parameter: str, failure: Failure | None) -> None:
    assert Reply(1, "POWR", parameter).failure is failure


@pytest.mark.parametrize("line", [b"PJLINK ERRA\r", b"pjlink erra", b"%1POWR=ERRA\r"])
def test_a_refused_password_is_recognised(line: bytes) -> None:
    assert wire.is_refusal(line)


def test_troubles_are_named_in_the_order_of_the_specification() -> None:
    assert Troubles.parse("000120") == Troubles(errors=(Part.FILTER,), warnings=(Part.COVER,))
    assert Troubles.parse("222222").errors == tuple(Part)
    with pytest.raises(BadReply):
        Troubles.parse("00012")


def test_hours_of_every_lamp_are_read() -> None:
    assert wire.lamp_hours("12345 1 99999 0") == (12345, 99999)
    assert wire.lamp_hours("7  1") == (7,)
    for wrong in ("", "7", "7 2", "x 1", "7 1 8"):
        with pytest.raises(BadReply):
            wire.lamp_hours(wrong)


def test_mute_and_freeze_are_read() -> None:
    assert [wire.picture_muted(code) for code in ("11", "21", "31", "30")] == [True, False, True, False]
    assert wire.flag("1")
    for wrong in ("3", "", "41"):
        with pytest.raises(BadReply):
            wire.picture_muted(wrong)
    with pytest.raises(BadReply):
        wire.flag("2")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("hdmi1", "31"),
        ("HDMI 2", "32"),
        ("digital1", "31"),
        ("digital31", "31"),
        ("31", "31"),
        ("vga1", "11"),
        ("rgb2", "12"),
        ("video-1", "21"),
        ("usb1", "41"),
        ("lan1", "51"),
        ("network1", "51"),
        ("6a", "6A"),
        ("internalb", "6B"),
        ("hdmi", None),
        ("hdmi0", None),
        ("71", None),
        ("", None),
    ],
)
def test_an_input_is_understood_by_many_names(name: str, number: str | None) -> None:
    assert wire.number_of(name) == number


@given(NUMBERS)
def test_every_input_has_one_name_that_leads_back_to_it(number: str) -> None:
    assert wire.number_of(wire.input_name(number)) == number


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({}, {"rgb1": "11", "hdmi1": "31", "hdmi2": "32", "internala": "6A"}),
        ({"31": "HDMI 1", "11": "VGA", "6A": "Logo"}, {"rgb1": "11", "hdmi1": "31", "hdmi2": "32", "internala": "6A"}),
        ({"31": "DVI-D", "32": "HDMI1"}, {"rgb1": "11", "31": "31", "hdmi1": "32", "internala": "6A"}),
        ({"31": "HDMI 2", "32": "HDMI 1"}, {"rgb1": "11", "hdmi2": "31", "hdmi1": "32", "internala": "6A"}),
        ({"31": "HDMI 1", "32": "HDMI 1"}, {"rgb1": "11", "hdmi1": "31", "hdmi2": "32", "internala": "6A"}),
        ({"31": "12", "11": ""}, {"rgb1": "11", "hdmi1": "31", "hdmi2": "32", "internala": "6A"}),
    ],
)
def test_an_input_is_named_as_the_set_names_it_and_else_by_its_number(
    labels: dict[str, str], names: dict[str, str]
) -> None:
    assert wire.input_names(("11", "31", "32", "6A"), labels, {}) == names


def test_a_rooms_own_names_stand_and_take_no_input_away() -> None:
    names = wire.input_names(("11", "31", "32"), {"31": "HDMI 1"}, {"hdmi1": "32", "hidden": "51"})
    assert names == {"hdmi1": "32", "hidden": "51", "rgb1": "11", "31": "31"}


@given(st.lists(NUMBERS, unique=True, max_size=12), st.data())
def test_every_input_gets_exactly_one_name(numbers: list[str], data: st.DataObject) -> None:
    label = st.sampled_from(("HDMI 1", "HDMI2", "31", "VGA", "")) | st.text(max_size=8)
    labels = {number: data.draw(label) for number in numbers}
    names = wire.input_names(numbers, labels, {})
    assert sorted(names.values()) == sorted(numbers)


@given(BODIES, WORDS, st.integers(1, 2))
def test_what_is_written_reads_back(body: str, parameter: str, klass: int) -> None:
    request = Request(body, parameter, klass)
    assert Request.from_bytes(request.to_bytes()) == request
    reply = Reply(klass, body, parameter.strip(" \t"))
    assert Reply.from_bytes(reply.to_bytes()) == reply


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(line: bytes) -> None:
    for read in (Greeting.from_bytes, Reply.from_bytes, Request.from_bytes):
        with contextlib.suppress(BadReply):
            read(line)
    wire.is_refusal(line)


@given(st.text(max_size=40))
def test_no_parameter_does_more_than_be_refused(parameter: str) -> None:
    for parse in (
        Troubles.parse,
        wire.lamp_hours,
        wire.hours,
        wire.picture_muted,
        wire.flag,
        wire.input_number,
        wire.input_numbers,
    ):
        with contextlib.suppress(BadReply):
            parse(parameter)
    wire.number_of(parameter)
