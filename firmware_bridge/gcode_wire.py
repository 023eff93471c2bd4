"""The words between a host and a G-code printer: numbered, checksummed lines one way, what a printer says the other.

    host      N12 G1 X10 E0.5*87          87: all bytes before the * combined by exclusive or
    printer   ok                          done, send the next; may carry temperatures, or `N12` and room for more
              Resend: 12                  what came as line 12 was not sound; an ok follows on most
              echo:busy: processing       alive, and not done yet
              T:21.3 /210.0 B:60.1 /60.0  temperature /target; T0, T1 … of several nozzles, B of the bed, C of a chamber
              Error:… system stopped!     it has halted, with the heaters off, until somebody resets it
              start                       it has just begun to live
              // action:pause             it wants the host to do something

No I/O. Source: Marlin 2.1 documentation (M105, M110, M112, M115, M155, host actions) and its queue.cpp and
temperature.cpp; RepRap wiki, G-code, "Replies from the RepRap machine to the host computer".
"""

import re
from dataclasses import dataclass, field

NOZZLE, BED, CHAMBER = "nozzle", "bed", "chamber"


@dataclass(frozen=True, slots=True)
class Ok:
    """The line was taken."""


@dataclass(frozen=True, slots=True)
class Resend:
    """It wants this line, and those after it, once more."""

    line: int


@dataclass(frozen=True, slots=True)
class Busy:
    """It is alive and at work."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It has nothing to do: what we wait for was lost."""


@dataclass(frozen=True, slots=True)
class Started:
    """It has just begun to live and knows nothing of before."""


@dataclass(frozen=True, slots=True)
class Halted:
    """It has stopped itself, for good."""

    code: str
    """Short and stable: thermal-runaway, heating-failed, temperature, halted."""
    words: str


@dataclass(frozen=True, slots=True)
class Heat:
    """Temperatures and targets by heater, °C: `nozzle`, `nozzle_2`, `bed`, `chamber`."""

    now: dict[str, float] = field(default_factory=dict)
    target: dict[str, float] = field(default_factory=dict)
    waits: bool = False
    """It waits for this heat (`W:`), and does nothing else meanwhile."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What it says of its firmware, such as 'Marlin 2.1.2'."""

    firmware: str


@dataclass(frozen=True, slots=True)
class Able:
    """A capability, and whether it has it."""

    name: str
    has: bool


@dataclass(frozen=True, slots=True)
class Action:
    """What it wants the host to do: pause, paused, resume, resumed, cancel …"""

    word: str


@dataclass(frozen=True, slots=True)
class Words:
    """Anything else."""

    text: str
    sound: bool = True
    """Without a byte that no printer says: it is no noise."""


Said = Ok | Resend | Busy | Waiting | Started | Halted | Heat | Identity | Able | Action | Words

_RESEND = re.compile(r"(?:Resend|rs)\s*:?\s*(?:N\s*)?(\d{1,9})\b", re.IGNORECASE)
_NOISE = re.compile(rb"[^\t\r\n\x20-\x7e\xa0-\xff]")
_HEAT = re.compile(r"(?:^|\s)(T\d?|B|C):\s*(-?\d{1,4}(?:\.\d{1,4})?)(?:\s*/\s*(-?\d{1,4}(?:\.\d{1,4})?))?")
_ACTION = re.compile(r"//\s*action:\s*([a-z_]{1,32})")
_FIRMWARE = re.compile(r"FIRMWARE_NAME:\s*(.*?)(?:\s+[A-Z][A-Z_]{3,}:|\s*\(|$)")
_CAPABILITY = re.compile(r"Cap:([A-Z_]{1,40}):([01])$")
_ERROR = re.compile(r"(?:Error:|!!)\s*(.*)", re.IGNORECASE)
_HALTING = (
    ("thermal-runaway", re.compile(r"thermal runaway", re.IGNORECASE)),
    ("heating-failed", re.compile(r"heating failed", re.IGNORECASE)),
    ("temperature", re.compile(r"(max|min)temp", re.IGNORECASE)),
    ("halted", re.compile(r"halted|kill\(\)|system stopped", re.IGNORECASE)),
)


def numbered(number: int, words: str) -> bytes:
    """A line as it is sent."""
    line = f"N{number} {words}".encode("ascii")
    return line + f"*{checksum(line)}\n".encode("ascii")


def checksum(line: bytes) -> int:
    check = 0
    for byte in line:
        check ^= byte
    return check


def parse(raw: bytes) -> tuple[Said, ...]:
    """What a line says; nothing for an empty one."""
    text = "".join(char if " " <= char <= "~" else " " for char in raw.decode("latin-1")).strip()
    if not text:
        return ()
    if text == "start" or text.startswith("start "):
        return (Started(),)
    if text == "wait":
        return (Waiting(),)
    if found := _RESEND.match(text):
        return (Resend(int(found[1])),)
    if text == "ok" or text.startswith("ok "):
        heat = _heat(text)
        return (heat, Ok()) if heat else (Ok(),)
    if "busy:" in text:
        return (Busy(),)
    if found := _ACTION.match(text):
        return (Action(found[1]),)
    if found := _ERROR.match(text):
        code = next((code for code, pattern in _HALTING if pattern.search(found[1])), None)
        if code is None and text.startswith("!!"):
            code = "halted"
        return (Halted(code, found[1][:60]),) if code else (Words(text),)
    if found := _FIRMWARE.search(text):
        return (Identity(found[1].strip()[:60]),)
    if found := _CAPABILITY.search(text):
        return (Able(found[1], found[2] == "1"),)
    heat = _heat(text)
    return (heat,) if heat else (Words(text, _NOISE.search(raw) is None),)


def _heat(text: str) -> Heat | None:
    now: dict[str, float] = {}
    target: dict[str, float] = {}
    for letter, at, wanted in _HEAT.findall(text):
        heater = {"B": BED, "C": CHAMBER, "T": NOZZLE, "T0": NOZZLE}.get(letter) or f"{NOZZLE}_{int(letter[1]) + 1}"
        if letter == "T" and NOZZLE in now:
            continue
        now[heater] = float(at)
        if wanted:
            target[heater] = float(wanted)
    return Heat(now, target, " W:" in text) if now else None
