"""An Arduino with Firmata on a serial port: pins that remember, sensors that a test can turn, an unpluggable cable.

It behaves as StandardFirmata 2.5.8 does on an Uno: opening the port resets the board, which then says its version and
firmware; pins start as outputs and analog pins as analog inputs; analog channels are sampled every 19 ms, digital
ports are reported when they change; a message for a pin that cannot do it is ignored. With `sonar` it also knows
FirmataPlus' ultrasonic rangers: SONAR_CONFIG trigger echo interval max-low max-high, SONAR_DATA trigger low high (cm).
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click

from simulators import firmata_messages as wire
from simulators.bad_wire import WIRE_FAULTS, BadWire
from simulators.changes import Changes
from simulators.faults import Faults, fault_option
from simulators.firmata_messages import Message, Mode, Parser, Sysex
from simulators.pty_port import PtyPort
from simulators.until_stopped import run

FAULTS: dict[str, str] = {
    **WIRE_FAULTS,
    "wrong-firmware": "is a board with another sketch: it says it is Blink and answers no queries",
    "frozen": "stops carrying out what it is told, but goes on reporting",
    "stuck": "answers, but its outputs stay as they are",
}

_UNO_PINS = 20
_UNO_PWM = (3, 5, 6, 9, 10, 11)
_SAMPLING_MS = 19
_SONARS_MAX = 6
_SONAR_EVERY_MS = 33


@dataclass(slots=True)
class Pin:
    """One pin of the board."""

    modes: tuple[tuple[Mode, int], ...]
    """What it can be, with the resolution in bits."""
    analog: int | None = None
    """Its analog channel, if it has one."""
    mode: Mode = Mode.OUTPUT
    state: int = 0
    """What the host wrote last; for inputs 1 if pulled up."""
    level: bool | None = None
    """What a test connected to it; None for nothing: low, or high where it is pulled up."""
    servo_pulse_us: tuple[int, int] = (544, 2400)

    @property
    def value(self) -> int:
        """Output: 0 or 1, PWM duty or servo angle. Input: the level at the pin."""
        if self.mode not in (Mode.INPUT, Mode.PULLUP):
            return self.state
        return self.state if self.level is None else int(self.level)

    def can(self, mode: int) -> bool:
        return any(mode == known for known, _ in self.modes)


def uno(sonar: bool) -> list[Pin]:
    """The pins of an Arduino Uno, in StandardFirmata's order: 0 and 1 are the serial port, 14 to 19 are A0 to A5."""
    pins: list[Pin] = []
    for number in range(_UNO_PINS):
        modes: list[tuple[Mode, int]] = []
        if number >= 2:
            modes += [(Mode.INPUT, 1), (Mode.PULLUP, 1), (Mode.OUTPUT, 1)]
        if number >= 14:
            modes += [(Mode.ANALOG, 10)]
        if number in _UNO_PWM:
            modes += [(Mode.PWM, 8)]
        if 2 <= number < 14:
            modes += [(Mode.SERVO, 14)]
        if number in (18, 19):
            modes += [(Mode.I2C, 1)]
        if sonar and number >= 2:
            modes += [(Mode.SONAR, 1)]
        pins.append(Pin(tuple(modes), number - 14 if number >= 14 else None))
    return pins


class FirmataBoard:
    """A board at the end of a serial cable. A test reads `pins` and sets `analog`, `set_input`, `sonar_cm`."""

    def __init__(
        self,
        link: str | Path | None = None,
        firmware: str = "StandardFirmata",
        boot_s: float = 0.0,
        faults: Iterable[str] = (),
        pins: list[Pin] | None = None,
        sonar: bool = True,
        slow_s: float = 3.0,
    ) -> None:
        """`boot_s`: how long after opening the board is deaf and dumb (an Uno's bootloader: about 2 s).

        `sonar` False: nothing but what StandardFirmata has.
        """
        self.firmware = firmware
        self.boot_s = boot_s
        self.pins = uno(sonar) if pins is None else pins
        self.analog: list[int] = [0] * sum(pin.analog is not None for pin in self.pins)
        """What is at each analog channel, 0 to 1023."""
        self.sonar_cm: dict[int, int] = {}
        """Trigger pin to distance; 0 is nothing in range."""
        self.strings: list[str] = []
        """Texts that the host sent."""
        self.boots = 0
        self.changes = Changes()
        self.faults = Faults(FAULTS, faults, self.changes.tell)
        self.sampling_ms = _SAMPLING_MS
        self._has_sonar = sonar
        self._port = PtyPort(link, self._take, self._boot, self._halt)
        self._wire = BadWire(self._port.write, self.faults, slow_s)
        self._parser = Parser()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._running = False
        self._clear()

    @property
    def port(self) -> str:
        """The serial port to open."""
        return self._port.path

    @property
    def is_open(self) -> bool:
        return self._port.is_open

    async def __aenter__(self) -> Self:
        """Raises OSError if the link cannot be made."""
        self._port.plug()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._port.unplug()
        self._halt()

    def unplug(self) -> None:
        """Pull the cable: the board loses its power too."""
        self._port.unplug()
        self._clear()

    def replug(self) -> None:
        self._port.plug()

    def press_reset(self) -> None:
        """Its button, or a short power failure: it forgets everything, and says who it is when it has started."""
        self._running = False
        self._parser = Parser()
        self._clear()
        self._after("boot", self.boot_s, self._start)

    def set_input(self, pin: int, level: bool) -> None:
        """Connect a pin to high or low; reported if it is an input whose port is watched."""
        self.pins[pin].level = level
        if self._running:
            self._report_port(pin // 8, always=False)

    def say(self, words: str) -> None:
        """A text to the host, as sketches report errors."""
        self._send(wire.sysex(Sysex.STRING_DATA, wire.text(words)))

    # --- life ---

    def _boot(self) -> None:
        """The port was opened: on an Uno, DTR resets the board."""
        self._after("boot", self.boot_s, self._start)
        self.changes.tell()

    def _start(self) -> None:
        self._clear()
        self._running = True
        self.boots += 1
        self._say_version()
        self._say_firmware()
        self.changes.tell()

    def _halt(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wire.close()
        self._running = False
        self._parser = Parser()
        self.changes.tell()

    def _clear(self) -> None:
        """What a reset leaves behind."""
        for name in ("sample", "sonar"):
            if name in self._timers:
                self._timers.pop(name).cancel()
        for pin in self.pins:
            pin.mode = Mode.ANALOG if pin.analog is not None else Mode.OUTPUT if pin.modes else Mode.INPUT
            pin.state = 0
        self._analog_reported: set[int] = set()
        self._ports_reported: set[int] = set()
        self._port_before: dict[int, int] = {}
        self._sonars: list[int] = []

    def _after(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, then)

    def _send(self, data: bytes) -> None:
        if self._running:
            self._wire.send(data)

    # --- what the host says ---

    def _take(self, data: bytes) -> None:
        if not self._running:
            return
        for message in self._parser.feed(data):
            if "wrong-firmware" not in self.faults and "frozen" not in self.faults:
                self._obey(message)
        self.changes.tell()

    def _obey(self, message: Message) -> None:
        channel, data = message.channel, message.data
        match message.kind:
            case wire.DIGITAL:
                self._write_port(channel, wire.number(data))
            case wire.ANALOG:
                self._write_analog(channel, wire.number(data))
            case wire.REPORT_DIGITAL:
                self._watch_port(channel, bool(data[0]))
            case wire.REPORT_ANALOG:
                self._watch_analog(channel, bool(data[0]))
            case wire.SET_PIN_MODE:
                self._set_mode(data[0], data[1])
            case wire.SET_PIN_VALUE:
                if data[0] < len(self.pins) and self.pins[data[0]].mode is Mode.OUTPUT and "stuck" not in self.faults:
                    self.pins[data[0]].state = int(bool(data[1]))
            case wire.VERSION:
                self._say_version()
            case wire.RESET:
                self._clear()
            case wire.START_SYSEX:
                self._obey_sysex(channel, data)

    def _obey_sysex(self, command: int, data: bytes) -> None:
        match command:
            case Sysex.REPORT_FIRMWARE:
                self._say_firmware()
            case Sysex.CAPABILITY_QUERY:
                told = (bytes(byte for mode in pin.modes for byte in mode) + b"\x7f" for pin in self.pins)
                self._send(wire.sysex(Sysex.CAPABILITY_RESPONSE, b"".join(told)))
            case Sysex.ANALOG_MAPPING_QUERY:
                channels = bytes(0x7F if pin.analog is None else pin.analog for pin in self.pins)
                self._send(wire.sysex(Sysex.ANALOG_MAPPING_RESPONSE, channels))
            case Sysex.PIN_STATE_QUERY if data:
                self._say_state(data[0])
            case Sysex.EXTENDED_ANALOG if len(data) > 1:
                self._write_analog(data[0], wire.number(data[1:]))
            case Sysex.SERVO_CONFIG if len(data) > 4 and data[0] < len(self.pins) and self.pins[data[0]].modes:
                self.pins[data[0]].servo_pulse_us = (wire.number(data[1:3]), wire.number(data[3:5]))
                self._set_mode(data[0], Mode.SERVO)
            case Sysex.SAMPLING_INTERVAL if len(data) > 1:
                self.sampling_ms = max(1, wire.number(data[:2]))
            case Sysex.STRING_DATA:
                self.strings.append(wire.untext(data))
            case Sysex.SONAR_CONFIG if self._has_sonar and len(data) > 1:
                self._add_sonar(data[0], data[1])

    def _set_mode(self, number: int, mode: int) -> None:
        if number >= len(self.pins) or not self.pins[number].modes:
            return
        pin = self.pins[number]
        if pin.analog is not None:
            self._watch_analog(pin.analog, mode == Mode.ANALOG)
        if mode not in tuple(Mode):
            self.say("Unknown pin mode")
        if not pin.can(mode):
            return
        pin.mode = Mode(mode)
        pin.state = int(pin.mode is Mode.PULLUP)

    def _write_port(self, port: int, bits: int) -> None:
        if "stuck" in self.faults:
            return
        for number, pin in enumerate(self.pins[port * 8 : port * 8 + 8]):
            high = bits >> number & 1
            if pin.mode is Mode.OUTPUT:
                pin.state = high
            elif pin.mode is Mode.INPUT and pin.modes and high:  # writing high to an input pulls it up, as on an AVR
                pin.state = 1

    def _write_analog(self, number: int, value: int) -> None:
        if number < len(self.pins) and self.pins[number].mode in (Mode.PWM, Mode.SERVO) and "stuck" not in self.faults:
            self.pins[number].state = value

    # --- what the board says ---

    def _say_version(self) -> None:
        if "wrong-firmware" not in self.faults:
            self._send(bytes([wire.VERSION, 2, 5]))

    def _say_firmware(self) -> None:
        if "wrong-firmware" in self.faults:
            self._send(b"Blink 1.0\r\n")
            return
        name = self.firmware if "." in self.firmware else f"{self.firmware}.ino"  # as the Arduino library does
        self._send(wire.sysex(Sysex.REPORT_FIRMWARE, bytes([2, 5]) + wire.text(name)))

    def _say_state(self, number: int) -> None:
        known = b""
        if number < len(self.pins):
            pin = self.pins[number]
            known = bytes([pin.mode, pin.state & 0x7F])
            known += bytes([pin.state >> 7 & 0x7F]) if pin.state > 0x7F else b""
            known += bytes([pin.state >> 14 & 0x7F]) if pin.state > 0x3FFF else b""
        self._send(wire.sysex(Sysex.PIN_STATE_RESPONSE, bytes([number]) + known))

    def _watch_port(self, port: int, on: bool) -> None:
        if port * 8 >= len(self.pins):
            return
        self._ports_reported.discard(port)
        if on:
            self._ports_reported.add(port)
            self._report_port(port, always=True)

    def _report_port(self, port: int, always: bool) -> None:
        bits = 0
        for number, pin in enumerate(self.pins[port * 8 : port * 8 + 8]):
            if pin.mode in (Mode.INPUT, Mode.PULLUP):
                bits |= pin.value << number
        if port in self._ports_reported and (always or self._port_before.get(port) != bits):
            self._port_before[port] = bits
            self._send(bytes([wire.DIGITAL | port]) + wire.two(bits))

    def _watch_analog(self, channel: int, on: bool) -> None:
        if channel >= len(self.analog):
            return
        self._analog_reported.discard(channel)
        if on:
            self._analog_reported.add(channel)
            self._say_analog(channel)
            if "sample" not in self._timers:
                self._after("sample", self.sampling_ms / 1000, self._sample)

    def _say_analog(self, channel: int) -> None:
        self._send(bytes([wire.ANALOG | channel]) + wire.two(min(1023, max(0, self.analog[channel]))))

    def _sample(self) -> None:
        del self._timers["sample"]
        for pin in self.pins:
            if pin.analog in self._analog_reported and pin.mode is Mode.ANALOG:
                self._say_analog(pin.analog)
        if self._analog_reported:
            self._after("sample", self.sampling_ms / 1000, self._sample)

    def _add_sonar(self, trigger: int, echo: int) -> None:
        if len(self._sonars) >= _SONARS_MAX:
            self.say("PING_CONFIG Error: Exceeded number of supported ping devices")
            return
        self._set_mode(trigger, Mode.SONAR)
        self._set_mode(echo, Mode.SONAR)
        self._sonars.append(trigger)
        if "sonar" not in self._timers:
            self._after("sonar", _SONAR_EVERY_MS / 1000, self._ping)

    def _ping(self) -> None:
        """One ranger after the other, so that they do not hear each other."""
        trigger = self._sonars.pop(0)
        self._sonars.append(trigger)
        self._send(wire.sysex(Sysex.SONAR_DATA, bytes([trigger]) + wire.two(self.sonar_cm.get(trigger, 0))))
        self._after("sonar", _SONAR_EVERY_MS / 1000, self._ping)


@click.command()
@click.option("--link", required=True, metavar="PATH", help="Where the serial port shall be found (a symlink).")
@click.option("--firmware", default="StandardFirmata", show_default=True, help="The name of its sketch.")
@click.option("--boot", "boot_s", default=0.0, show_default=True, help="Seconds it boots after the port is opened.")
@click.option("--sonar/--no-sonar", default=True, show_default=True, help="Whether it knows FirmataPlus' rangers.")
@click.option("--slow", "slow_s", default=3.0, show_default=True, help="Seconds that the fault 'slow' takes.")
@fault_option(FAULTS)
def command(link: str, firmware: str, boot_s: float, sonar: bool, slow_s: float, faults: tuple[str, ...]) -> None:
    """An Arduino Uno with Firmata 2.5 on a pseudo serial port."""
    run(
        lambda: FirmataBoard(link, firmware, boot_s, faults, sonar=sonar, slow_s=slow_s),
        lambda board: board.port,
    )
