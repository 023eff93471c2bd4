"""Firmata's messages as a board sends and reads them. No I/O.

Source: Firmata protocol 2.5 (protocol.md, servos.md); sonar as FirmataPlus has it (sysex 0x62 and 0x63).

    a byte >= 0x80 begins a message, data bytes have 7 bits; 14-bit values come low 7 bits first

    0xE0 | channel  low high         analog value            0xF4 pin mode        set pin mode
    0x90 | port     low high         digital port (8 pins)   0xF5 pin value       set digital pin value
    0xC0 | channel  on               report analog           0xF9 [major minor]   protocol version
    0xD0 | port     on               report digital          0xFF                 system reset
    0xF0 command data... 0xF7        sysex
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum


class Mode(IntEnum):
    INPUT = 0x00
    OUTPUT = 0x01
    ANALOG = 0x02
    PWM = 0x03
    SERVO = 0x04
    I2C = 0x06
    PULLUP = 0x0B
    SONAR = 0x0C  # FirmataPlus


class Sysex(IntEnum):
    SONAR_CONFIG = 0x62
    SONAR_DATA = 0x63
    ANALOG_MAPPING_QUERY = 0x69
    ANALOG_MAPPING_RESPONSE = 0x6A
    CAPABILITY_QUERY = 0x6B
    CAPABILITY_RESPONSE = 0x6C
    PIN_STATE_QUERY = 0x6D
    PIN_STATE_RESPONSE = 0x6E
    EXTENDED_ANALOG = 0x6F
    SERVO_CONFIG = 0x70
    STRING_DATA = 0x71
    REPORT_FIRMWARE = 0x79
    SAMPLING_INTERVAL = 0x7A


ANALOG, DIGITAL, REPORT_ANALOG, REPORT_DIGITAL = 0xE0, 0x90, 0xC0, 0xD0
START_SYSEX, SET_PIN_MODE, SET_PIN_VALUE, END_SYSEX, VERSION, RESET = 0xF0, 0xF4, 0xF5, 0xF7, 0xF9, 0xFF

_DATA_BYTES = {ANALOG: 2, DIGITAL: 2, REPORT_ANALOG: 1, REPORT_DIGITAL: 1, SET_PIN_MODE: 2, SET_PIN_VALUE: 2}
_SYSEX_MAX = 64  # MAX_DATA_BYTES of the Arduino library: what is longer is lost


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the host: its first byte without the channel, the channel or sysex command, and the data."""

    kind: int
    channel: int = 0
    data: bytes = b""


class Parser:
    """Puts the host's bytes together, however they arrive; what makes no message is dropped, as boards do."""

    def __init__(self) -> None:
        self._kind = 0
        self._channel = 0
        self._wanted = 0
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        for byte in data:
            message = self._byte(byte)
            if message is not None:
                yield message

    def _byte(self, byte: int) -> Message | None:
        if self._kind == START_SYSEX:
            return self._sysex(byte)
        if byte < 0x80:
            if self._wanted == 0:
                return None
            self._data.append(byte)
            self._wanted -= 1
            return self._whole() if self._wanted == 0 else None
        self._data.clear()
        self._kind, self._channel = (byte, 0) if byte >= 0xF0 else (byte & 0xF0, byte & 0x0F)
        self._wanted = _DATA_BYTES.get(self._kind, 0)
        return self._whole() if self._kind in (VERSION, RESET) else None

    def _sysex(self, byte: int) -> Message | None:
        if byte == END_SYSEX:
            data, self._kind = bytes(self._data), 0
            self._data.clear()
            return Message(START_SYSEX, data[0], data[1:]) if data and len(data) <= _SYSEX_MAX else None
        if len(self._data) <= _SYSEX_MAX:
            self._data.append(byte & 0x7F)
        return None

    def _whole(self) -> Message:
        message = Message(self._kind, self._channel, bytes(self._data))
        self._kind = self._wanted = 0
        self._data.clear()
        return message


def two(value: int) -> bytes:
    """A 14-bit value, low 7 bits first."""
    return bytes([value & 0x7F, value >> 7 & 0x7F])


def number(data: bytes) -> int:
    """The value of any number of 7-bit bytes, low bits first."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data))


def sysex(command: int, data: bytes = b"") -> bytes:
    return bytes([START_SYSEX, command]) + data + bytes([END_SYSEX])


def text(words: str) -> bytes:
    """A string as firmware names and string messages carry it: each byte as two."""
    return b"".join(two(byte) for byte in words.encode("latin-1", "replace"))


def untext(data: bytes) -> str:
    return bytes(number(data[at : at + 2]) & 0xFF for at in range(0, len(data), 2)).decode("latin-1")
