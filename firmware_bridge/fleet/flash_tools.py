"""The programs that write firmware: how each is called, and what its words mean. Processes, never imported: GPL.

Sources: avrdude 7.1's and esptool 5's output; mpremote's documentation.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.fleet.library import AvrFirmware, EspFirmware, MpremoteFirmware

AnyFirmware = AvrFirmware | EspFirmware | MpremoteFirmware


@dataclass(frozen=True, slots=True)
class Phase:
    """How far a tool is."""

    name: str
    """connecting, writing or verifying."""
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """One of them."""

    name: str
    package: str
    """Where it comes from."""
    commands: Callable[[AnyFirmware, str, Path], list[list[str]]]
    """Arguments of each call, one after the other, for a firmware, a port and a file."""
    phase: Callable[[str], Phase]
    """From all that it has printed."""
    verified: Callable[[str, AnyFirmware], bool]
    """Whether it said that what is in the chip is what was sent. Its exit code alone proves nothing."""
    mistakes: tuple[tuple[str, str], ...]
    """What it says when it fails (a pattern), and what somebody can do about it."""

    def why(self, printed: str) -> str:
        """What to do about a failure: known words, or its own last ones."""
        for pattern, words in self.mistakes:
            if re.search(pattern, printed, re.IGNORECASE):
                return words
        lines = [line.strip() for line in re.split(r"[\r\n]+", printed) if line.strip()]
        return f"{self.name} said: {lines[-1][:160]}" if lines else f"{self.name} said nothing"


def _avrdude_commands(firmware: AnyFirmware, port: str, file: Path) -> list[list[str]]:
    assert isinstance(firmware, AvrFirmware), "chosen by its tool"
    chip = ["-p", firmware.part, "-c", firmware.programmer, "-P", port, "-b", str(firmware.baudrate)]
    return [[*chip, "-D", "-U", f"flash:w:{file}:i"]]


def _avrdude_phase(printed: str) -> Phase:
    """`Writing | ######## | 100% 2.10s`: fifty marks, one after the other."""
    bars = re.findall(r"(Writing|Reading) \| (#*)", printed)
    wrote = "Writing |" in printed
    if not bars or not wrote:
        return Phase("connecting")
    what, marks = bars[-1]
    return Phase("writing" if what == "Writing" else "verifying", 2 * len(marks))


def _avrdude_verified(printed: str, _firmware: AnyFirmware) -> bool:
    return bool(re.search(r"\d+ bytes of flash verified", printed))


def _esptool_commands(firmware: AnyFirmware, port: str, file: Path) -> list[list[str]]:
    assert isinstance(firmware, EspFirmware), "chosen by its tool"
    chip = ["--chip", firmware.chip, "--port", port, "--baud", str(firmware.baudrate)]
    return [[*chip, "write_flash", hex(firmware.address), str(file)]]


def _esptool_phase(printed: str) -> Phase:
    """`Writing at 0x00008000... (12 %)`, in version 5 `… 12.5% 4096/32768 bytes...`."""
    percents = re.findall(r"Writing at 0x[0-9a-f]+.*?(\d+)(?:\.\d+)? ?%", printed)
    if "Hash of data verified" in printed:
        return Phase("verifying", 100)
    if percents:
        return Phase("writing", int(percents[-1]))
    return (
        Phase("writing", 0) if re.search(r"Compressed|Erasing|Flash will be erased", printed) else Phase("connecting")
    )


def _esptool_verified(printed: str, _firmware: AnyFirmware) -> bool:
    return "Hash of data verified" in printed


def _mpremote_commands(firmware: AnyFirmware, port: str, file: Path) -> list[list[str]]:
    assert isinstance(firmware, MpremoteFirmware), "chosen by its tool"
    there = f":{firmware.target}"
    connect = ["connect", port]
    return [[*connect, "fs", "cp", "-f", str(file), there], [*connect, "fs", "sha256sum", there], [*connect, "reset"]]


def _mpremote_phase(printed: str) -> Phase:
    return (
        Phase("verifying") if "sha256sum" in printed else Phase("writing") if "cp " in printed else Phase("connecting")
    )


def _mpremote_verified(printed: str, firmware: AnyFirmware) -> bool:
    return firmware.sha256 in printed


_PORT_MISTAKES = (
    (r"permission denied", "this user may not open the port; run: sudo usermod -aG dialout $USER, and log in again"),
    (
        r"busy|in use|resource temporarily unavailable|failed to access|could not open port",
        "its port cannot be opened; is another program using it, or is it unplugged?",
    ),
    (r"can't open device|no such file", "its port is not there; is it plugged in?"),
)

TOOLS: dict[str, Tool] = {
    "avrdude": Tool(
        "avrdude",
        "the package avrdude: sudo apt install avrdude",
        _avrdude_commands,
        _avrdude_phase,
        _avrdude_verified,
        (
            (
                r"verification error|content mismatch|first mismatch",
                "what is in the chip is not what was sent; flash it again",
            ),
            (
                r"not in sync|programmer is not responding|stk500_recv|unable to open programmer|attempt \d+ of",
                "its bootloader does not answer: is it this kind of board, with this baudrate? An old Nano has 57600",
            ),
            (r"device signature|expected signature", "it is another chip than the library says; correct 'part'"),
            *_PORT_MISTAKES,
        ),
    ),
    "esptool": Tool(
        "esptool",
        "the Python package esptool: pip install esptool",
        _esptool_commands,
        _esptool_phase,
        _esptool_verified,
        (
            (
                r"no serial data received|failed to connect|wrong boot mode|timed out waiting for packet",
                "the chip does not answer: hold its BOOT button down while flashing begins, and try again",
            ),
            (r"this chip is|wrong --chip|unexpected chip", "it is another chip than the library says; correct 'chip'"),
            (r"md5 of file does not match|verify failed", "what is in the chip is not what was sent; flash it again"),
            *_PORT_MISTAKES,
        ),
    ),
    "mpremote": Tool(
        "mpremote",
        "the Python package mpremote: pip install mpremote",
        _mpremote_commands,
        _mpremote_phase,
        _mpremote_verified,
        (
            (r"ENOSPC|Errno 28", "the board is full; remove programs from it"),
            (r"could not enter raw repl", "its MicroPython does not listen; press its reset button, or flash it"),
            *_PORT_MISTAKES,
        ),
    ),
}
