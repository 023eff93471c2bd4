"""A printer's words: lines as Marlin's documentation and queue.cpp have them, and rubbish of every kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.gcode_wire import (
    Able,
    Action,
    Busy,
    Halted,
    Heat,
    Identity,
    Ok,
    Resend,
    Said,
    Started,
    Waiting,
    Words,
    numbered,
    parse,
)
from simulators.gcode_numbers import LineCounter, Unsound


@pytest.mark.parametrize(
    ("number", "words", "line"),
    [(0, "M110 N0", b"N0 M110 N0*125\n"), (3, "T0", b"N3 T0*57\n"), (4, "G92 E0", b"N4 G92 E0*67\n")],
)
def test_lines_are_as_in_the_documentation(number: int, words: str, line: bytes) -> None:
    """The last two are the RepRap wiki's own examples (G-code, "Checking")."""
    assert numbered(number, words) == line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ok", (Ok(),)),
        ("ok P15 B3", (Ok(),)),
        ("ok N12 P15 B3", (Ok(),)),
        (
            "ok T:201.2 /210.0 B:59.9 /60.0 @:127 B@:0",
            (Heat({"nozzle": 201.2, "bed": 59.9}, {"nozzle": 210.0, "bed": 60.0}), Ok()),
        ),
        ("T:21.30/ 0.00 B:21.30/ 0.00 @:64", (Heat({"nozzle": 21.3, "bed": 21.3}, {"nozzle": 0.0, "bed": 0.0}),)),
        (
            " T:21.5 /0 B:20 /0 T0:21.5 /0 T1:-3 /0 @:0 W:?",
            (Heat({"nozzle": 21.5, "bed": 20, "nozzle_2": -3}, {"nozzle": 0, "bed": 0, "nozzle_2": 0}, waits=True),),
        ),
        ("T:150.1 E:0 W:?", (Heat({"nozzle": 150.1}, {}, waits=True),)),
        ("C:30.5 /40", (Heat({"chamber": 30.5}, {"chamber": 40}),)),
        ("Resend: 12", (Resend(12),)),
        ("Resend:12", (Resend(12),)),
        ("rs N12 Expected checksum 67", (Resend(12),)),
        ("echo:busy: processing", (Busy(),)),
        ("busy:heating", (Busy(),)),
        ("wait", (Waiting(),)),
        ("start", (Started(),)),
        ("//action:pause", (Action("pause"),)),
        ("// action:cancel", (Action("cancel"),)),
        ("Cap:AUTOREPORT_TEMP:1", (Able("AUTOREPORT_TEMP", True),)),
        (
            "FIRMWARE_NAME:Marlin 2.1.2 (Dec 17 2022) SOURCE_CODE_URL:github.com/MarlinFirmware MACHINE_TYPE:Ender-3",
            (Identity("Marlin 2.1.2"),),
        ),
        (
            "FIRMWARE_NAME:Prusa-Firmware 3.13.3 based on Marlin FIRMWARE_URL:https://x",
            (Identity("Prusa-Firmware 3.13.3 based on Marlin"),),
        ),
        ("FIRMWARE_NAME: RepRapFirmware FIRMWARE_VERSION: 3.5", (Identity("RepRapFirmware"),)),
        ("Error:checksum mismatch, Last Line: 3", (Words("Error:checksum mismatch, Last Line: 3"),)),
        (
            "Error:Thermal Runaway, system stopped! Heater_ID: E0",
            (Halted("thermal-runaway", "Thermal Runaway, system stopped! Heater_ID: E0"),),
        ),
        (
            "Error:Heating failed, system stopped! Heater_ID: bed",
            (Halted("heating-failed", "Heating failed, system stopped! Heater_ID: bed"),),
        ),
        (
            "Error:MINTEMP triggered, system stopped! Heater_ID: 0",
            (Halted("temperature", "MINTEMP triggered, system stopped! Heater_ID: 0"),),
        ),
        ("Error:Printer halted. kill() called!", (Halted("halted", "Printer halted. kill() called!"),)),
        ("!! Lost communication with MCU 'mcu'", (Halted("halted", "Lost communication with MCU 'mcu'"),)),
        ('echo:Unknown command: "M999"', (Words('echo:Unknown command: "M999"'),)),
        ("X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0", (Words("X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0"),)),
        ("n\x80oi\x07se", (Words("n  oi se", sound=False),)),
        ("", ()),
        ("  \r", ()),
    ],
)
def test_what_printers_say_is_understood(line: str, said: tuple[Said, ...]) -> None:
    assert parse(line.encode()) == said


@given(st.binary(max_size=200))
def test_rubbish_is_only_words_or_less(raw: bytes) -> None:
    for said in parse(raw):
        if isinstance(said, Heat):
            assert all(abs(at) < 10_000 for at in said.now.values())


_WORDS = st.from_regex(r"[GMT][0-9]{1,3}( [XYZEFS]-?[0-9]{1,3}(\.[0-9]{1,3})?){0,5}", fullmatch=True)


@given(_WORDS.filter(lambda words: not words.startswith("M110")))
def test_a_printer_reads_what_was_sent(words: str) -> None:
    assert LineCounter().take(numbered(1, words).decode().strip()) == words


@given(_WORDS.filter(lambda words: not words.startswith("M110")), st.data())
def test_a_printer_notices_one_wrong_letter(words: str, data: st.DataObject) -> None:
    sent = numbered(1, words).decode().strip()
    place = data.draw(st.integers(0, sent.index("*") - 1))
    other = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda one: one not in (sent[place], "*"))
    )
    with pytest.raises(Unsound):
        LineCounter().take(sent[:place] + other + sent[place + 1 :])
