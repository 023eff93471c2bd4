"""Firmata's messages, and what bytes they are. No I/O.

Source: github.com/firmata/protocol, protocol.md (2.5 to 2.7), servos.md; sonar as FirmataPlus has it (0x62, 0x63).

    a byte >= 0x80 begins a message; its data bytes have 7 bits; 14-bit values come low 7 bits first

    0xE0 | channel  low high     analog value             0xF4 pin mode         set pin mode
    0x90 | port     low high     digital port (8 pins)    0xF5 pin value        set digital pin value
    0xC0 | channel  on           report analog            0xF9 major minor      protocol version; alone: asks for it
    0xD0 | port     on           report digital           0xFF                  system reset
    0xF0 command data... 0xF7    sysex
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

_ANALOG, _DIGITAL, _REPORT_ANALOG, _REPORT_DIGITAL = 0xE0, 0x90, 0xC0, 0xD0
_SYSEX, _PIN_MODE, _PIN_VALUE, _END, _VERSION, _RESET = 0xF0, 0xF4, 0xF5, 0xF7, 0xF9, 0xFF
_SYSEX_MAX = 4096
"""A Mega tells the capabilities of its 70 pins in some 1,000 bytes; what is longer is noise."""


class Mode(IntEnum):
    """What a pin can be."""

    INPUT = 0x00
    OUTPUT = 0x01
    ANALOG = 0x02
    PWM = 0x03
    SERVO = 0x04
    PULLUP = 0x0B


class _Command(IntEnum):
    """The first byte of a sysex message."""

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


# --- what we say -----------------------------------------------------------------------------------------------------

FIRMWARE_QUERY = bytes([_SYSEX, _Command.REPORT_FIRMWARE, _END])
VERSION_QUERY = bytes([_VERSION])
CAPABILITY_QUERY = bytes([_SYSEX, _Command.CAPABILITY_QUERY, _END])
ANALOG_MAPPING_QUERY = bytes([_SYSEX, _Command.ANALOG_MAPPING_QUERY, _END])
RESET = bytes([_RESET])


@dataclass(frozen=True, slots=True)
class SetMode:
    pin: int
    mode: Mode

    def to_bytes(self) -> bytes:
        return bytes([_PIN_MODE, self.pin, self.mode])


@dataclass(frozen=True, slots=True)
class WriteDigital:
    """Set one output. Since protocol 2.5."""

    pin: int
    high: bool

    def to_bytes(self) -> bytes:
        return bytes([_PIN_VALUE, self.pin, self.high])


@dataclass(frozen=True, slots=True)
class WriteAnalog:
    """PWM duty or servo angle in degrees, 0 to 16383."""

    pin: int
    value: int

    def to_bytes(self) -> bytes:
        if self.pin < 16:
            return bytes([_ANALOG | self.pin]) + _two(self.value)
        return _sysex(_Command.EXTENDED_ANALOG, bytes([self.pin]) + _two(self.value))


@dataclass(frozen=True, slots=True)
class ReportAnalog:
    channel: int
    on: bool

    def to_bytes(self) -> bytes:
        return bytes([_REPORT_ANALOG | self.channel, self.on])


@dataclass(frozen=True, slots=True)
class ReportDigital:
    """Port n is pins 8n to 8n + 7."""

    port: int
    on: bool

    def to_bytes(self) -> bytes:
        return bytes([_REPORT_DIGITAL | self.port, self.on])


@dataclass(frozen=True, slots=True)
class SamplingInterval:
    """How often analog channels are reported, 1 to 16383 ms."""

    interval_ms: int

    def to_bytes(self) -> bytes:
        return _sysex(_Command.SAMPLING_INTERVAL, _two(self.interval_ms))


@dataclass(frozen=True, slots=True)
class ServoConfig:
    """The pulses at 0 and at 180 degrees. Makes the pin a servo."""

    pin: int
    shortest_us: int
    longest_us: int

    def to_bytes(self) -> bytes:
        return _sysex(_Command.SERVO_CONFIG, bytes([self.pin]) + _two(self.shortest_us) + _two(self.longest_us))


@dataclass(frozen=True, slots=True)
class AskPin:
    pin: int

    def to_bytes(self) -> bytes:
        return _sysex(_Command.PIN_STATE_QUERY, bytes([self.pin]))


@dataclass(frozen=True, slots=True)
class SonarConfig:
    """An ultrasonic ranger on two pins, asked every `interval_ms` (at most 127)."""

    trigger: int
    echo: int
    interval_ms: int
    farthest_cm: int

    def to_bytes(self) -> bytes:
        data = bytes([self.trigger, self.echo, self.interval_ms]) + _two(self.farthest_cm)
        return _sysex(_Command.SONAR_CONFIG, data)


# --- what boards say -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """Of the protocol."""

    major: int
    minor: int

    def to_bytes(self) -> bytes:
        return bytes([_VERSION, self.major, self.minor])


@dataclass(frozen=True, slots=True)
class Firmware:
    """The sketch, as it calls itself (`StandardFirmata.ino`), and its version."""

    name: str
    major: int
    minor: int

    @classmethod
    def from_data(cls, data: bytes) -> Self | None:
        return cls(_untext(data[2:]), data[0], data[1]) if len(data) >= 2 else None

    def to_bytes(self) -> bytes:
        return _sysex(_Command.REPORT_FIRMWARE, bytes([self.major, self.minor]) + _text(self.name))


@dataclass(frozen=True, slots=True)
class Capabilities:
    """For each pin the modes that it can have, as pairs of mode and resolution in bits. Modes may be unknown to us."""

    pins: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    def from_data(cls, data: bytes) -> Self | None:
        *pins, rest = data.split(b"\x7f")
        if rest or any(len(pin) % 2 for pin in pins):
            return None
        return cls(tuple(tuple(zip(pin[::2], pin[1::2], strict=True)) for pin in pins))

    def to_bytes(self) -> bytes:
        told = (bytes(byte for mode in pin for byte in mode) + b"\x7f" for pin in self.pins)
        return _sysex(_Command.CAPABILITY_RESPONSE, b"".join(told))

    def resolution(self, pin: int, mode: Mode) -> int | None:
        """In bits; None if the pin cannot do it, or is not there."""
        return dict(self.pins[pin]).get(mode) if pin < len(self.pins) else None


@dataclass(frozen=True, slots=True)
class AnalogMapping:
    """For each pin its analog channel, or None."""

    channels: tuple[int | None, ...]

    @classmethod
    def from_data(cls, data: bytes) -> Self | None:
        return cls(tuple(None if byte == 0x7F else byte for byte in data))

    def to_bytes(self) -> bytes:
        told = bytes(0x7F if channel is None else channel for channel in self.channels)
        return _sysex(_Command.ANALOG_MAPPING_RESPONSE, told)


@dataclass(frozen=True, slots=True)
class PinState:
    """A pin's mode, and what was written to it; both None for a pin that the board does not have."""

    pin: int
    mode: int | None
    state: int | None

    @classmethod
    def from_data(cls, data: bytes) -> Self | None:
        if len(data) == 1:
            return cls(data[0], None, None)
        return cls(data[0], data[1], _number(data[2:])) if len(data) >= 3 else None

    def to_bytes(self) -> bytes:
        data = bytes([self.pin])
        if self.mode is not None and self.state is not None:
            data += bytes([self.mode, self.state & 0x7F])
            state = self.state >> 7
            while state:
                data, state = data + bytes([state & 0x7F]), state >> 7
        return _sysex(_Command.PIN_STATE_RESPONSE, data)


@dataclass(frozen=True, slots=True)
class AnalogValue:
    channel: int
    value: int

    def to_bytes(self) -> bytes:
        return bytes([_ANALOG | self.channel]) + _two(self.value)


@dataclass(frozen=True, slots=True)
class DigitalPort:
    """The levels of eight pins, pin 8 * port in the lowest bit."""

    port: int
    bits: int

    def to_bytes(self) -> bytes:
        return bytes([_DIGITAL | self.port]) + _two(self.bits)


@dataclass(frozen=True, slots=True)
class Text:
    """What a sketch says in words, mostly what it did not understand."""

    words: str

    @classmethod
    def from_data(cls, data: bytes) -> Self | None:
        return cls(_untext(data))

    def to_bytes(self) -> bytes:
        return _sysex(_Command.STRING_DATA, _text(self.words))


@dataclass(frozen=True, slots=True)
class SonarData:
    """0 cm: nothing in range."""

    trigger: int
    distance_cm: int

    @classmethod
    def from_data(cls, data: bytes) -> Self | None:
        return cls(data[0], _number(data[1:])) if len(data) == 3 else None

    def to_bytes(self) -> bytes:
        return _sysex(_Command.SONAR_DATA, bytes([self.trigger]) + _two(self.distance_cm))


@dataclass(frozen=True, slots=True)
class OtherSysex:
    """A message of an extension that we do not know."""

    command: int
    data: bytes

    def to_bytes(self) -> bytes:
        return _sysex(self.command, self.data)


Message = (
    Version
    | Firmware
    | Capabilities
    | AnalogMapping
    | PinState
    | AnalogValue
    | DigitalPort
    | Text
    | SonarData
    | OtherSysex
)

_KNOWN = {
    _Command.REPORT_FIRMWARE: Firmware.from_data,
    _Command.CAPABILITY_RESPONSE: Capabilities.from_data,
    _Command.ANALOG_MAPPING_RESPONSE: AnalogMapping.from_data,
    _Command.PIN_STATE_RESPONSE: PinState.from_data,
    _Command.STRING_DATA: Text.from_data,
    _Command.SONAR_DATA: SonarData.from_data,
}


class Parser:
    """Puts a board's bytes together, however they arrive. What makes no message is dropped and counted."""

    def __init__(self) -> None:
        self.dropped = 0
        """Bytes that were part of no message."""
        self._message = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        for byte in data:
            message = self._byte(byte)
            if message is not None:
                yield message

    def _byte(self, byte: int) -> Message | None:
        if byte >= 0x80 and byte != _END:  # a message begins: what was not finished never will be
            self._forget()
        self._message.append(byte)
        first = self._message[0]
        if byte == _END and first == _SYSEX:
            return self._whole(_sysex_message(bytes(self._message[1:-1])))
        if byte == _END or first < 0x80 or len(self._message) > _SYSEX_MAX:
            self._forget()
        elif first != _SYSEX and len(self._message) == 3:
            return self._whole(_short_message(*self._message))
        return None

    def _whole(self, message: Message | None) -> Message | None:
        if message is not None:
            self._message.clear()
        self._forget()
        return message

    def _forget(self) -> None:
        self.dropped += len(self._message)
        self._message.clear()


def _short_message(first: int, low: int, high: int) -> Message | None:
    if first == _VERSION:
        return Version(low, high)
    if first & 0xF0 == _ANALOG:
        return AnalogValue(first & 0x0F, low | high << 7)
    if first & 0xF0 == _DIGITAL:
        return DigitalPort(first & 0x0F, low | high << 7)
    return None


def _sysex_message(body: bytes) -> Message | None:
    if not body:
        return None
    known = _KNOWN.get(body[0])  # type: ignore[call-overload]
    return OtherSysex(body[0], body[1:]) if known is None else known(body[1:])


def _sysex(command: int, data: bytes) -> bytes:
    return bytes([_SYSEX, command]) + data + bytes([_END])


def _two(value: int) -> bytes:
    return bytes([value & 0x7F, value >> 7 & 0x7F])


def _number(data: bytes) -> int:
    return sum(byte << 7 * place for place, byte in enumerate(data))


def _text(words: str) -> bytes:
    return b"".join(_two(byte) for byte in words.encode("utf-8"))


def _untext(data: bytes) -> str:
    whole = bytes(_number(data[at : at + 2]) & 0xFF for at in range(0, len(data), 2))
    return whole.decode("utf-8", "replace")
