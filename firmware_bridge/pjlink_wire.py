"""PJLink on the wire: greeting, authentication, commands and replies as frozen values. No I/O.

Source: PJLink Specifications, Class 1 Version 1.04 (2013-12-10) and Class 2 Version 2.10 (2024-02-29), JBMIA.
Section numbers are those of Class 2, which contains Class 1.

    command  % class body SP parameter CR      %1POWR ?         section 2.1
    reply    % class body  =  parameter CR     %1POWR=1         section 2.2
    greeting PJLINK 0 CR | PJLINK 1 SP 8 hex digits CR          section 5
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self

from firmware_bridge.errors import BadReply

PORT = 4352
MAX_LINE = 1024
"""A reply has at most 136 bytes (section 2.2); what is far longer is not PJLink."""
END = b"\r"

_BLANK = b" \t\r\n\x00"
_REPLY = re.compile(rb"%([1-9])([A-Z0-9]{4})[ \t]*=(.*)", re.IGNORECASE | re.DOTALL)
_REQUEST = re.compile(rb"%([12])([A-Z0-9]{4}) (.{1,128})\r", re.IGNORECASE | re.DOTALL)
_GREETING = re.compile(rb"PJLINK[ \t]+(?:(0)|1[ \t]+([0-9A-F]{8})|2[ \t]+([0-9A-F]{32}))", re.IGNORECASE)
_REFUSAL = re.compile(rb"(?:PJLINK[ \t]+|%[1-9][A-Z0-9]{4}[ \t]*=[ \t]*)ERRA", re.IGNORECASE)


class Level(IntEnum):
    """How a projector wants to be convinced, as its greeting says."""

    OPEN = 0
    MD5 = 1
    SHA256 = 2


ASK_LEVEL = b"PJLINK 2\r"
"""Asks a projector that greeted with MD5 if it can do SHA-256 too (section 5.1 (1-2))."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the projector says first, and its answer to `ASK_LEVEL`."""

    level: Level
    random: str = ""
    """8 hexadecimal digits for MD5, 32 for SHA-256, as sent."""

    @classmethod
    def from_bytes(cls, line: bytes) -> Self:
        """Raises BadReply."""
        match = _GREETING.fullmatch(line.strip(_BLANK))
        if match is None:
            raise BadReply(f"not a PJLink greeting: {_shown(line)}")
        if match[1]:
            return cls(Level.OPEN)
        return cls(Level.MD5, match[2].decode()) if match[2] else cls(Level.SHA256, match[3].decode())

    def to_bytes(self) -> bytes:
        return f"PJLINK {self.level.value}{' ' if self.random else ''}{self.random}".encode() + END


def is_refusal(line: bytes) -> bool:
    """True for `PJLINK ERRA`: the password, or the way it was sent, is not accepted (section 5.1 (1-8))."""
    return _REFUSAL.fullmatch(line.strip(_BLANK)) is not None


def md5_prefix(random: str, password: str) -> bytes:
    """What comes before the first command: MD5 of the projector's random digits and the password, in hex."""
    return hashlib.md5((random + password).encode(), usedforsecurity=False).hexdigest().encode()


def sha256_prefix(random: str, own: bytes, password: str) -> bytes:
    """The same since 2.10 (section 5.1 (1-4), (1-5)): our own 16 random bytes in hex, and SHA-256 in hex of both
    random numbers XORed (as 32 lower-case digits) followed by the password."""
    both = bytes(theirs ^ ours for theirs, ours in zip(bytes.fromhex(random), own, strict=True))
    return (own.hex() + hashlib.sha256((both.hex() + password).encode()).hexdigest()).encode()


@dataclass(frozen=True, slots=True)
class Request:
    body: str
    """Four upper-case letters or digits, such as 'POWR'."""
    parameter: str = "?"
    klass: int = 1

    def to_bytes(self) -> bytes:
        return f"%{self.klass}{self.body} {self.parameter}".encode() + END

    @classmethod
    def from_bytes(cls, line: bytes) -> Self:
        """Raises BadReply."""
        match = _REQUEST.fullmatch(line)
        if match is None:
            raise BadReply(f"not a PJLink command: {_shown(line)}")
        return cls(match[2].decode().upper(), match[3].decode("utf-8", "replace"), int(match[1]))


class Failure(StrEnum):
    """Why a projector did not do it (section 2.2)."""

    UNDEFINED = "ERR1"
    PARAMETER = "ERR2"
    NOT_NOW = "ERR3"
    DEVICE = "ERR4"


@dataclass(frozen=True, slots=True)
class Reply:
    klass: int
    body: str
    """Upper-case, whatever the projector wrote."""
    parameter: str
    """Without the blanks around it; bytes that are not UTF-8 become U+FFFD."""

    @classmethod
    def from_bytes(cls, line: bytes) -> Self:
        """Accepts lower case, blanks, a missing or doubled end, and names in any encoding. Raises BadReply."""
        match = _REPLY.fullmatch(line.strip(_BLANK))
        if match is None:
            raise BadReply(f"not a PJLink reply: {_shown(line)}")
        return cls(int(match[1]), match[2].decode().upper(), match[3].strip(_BLANK).decode("utf-8", "replace"))

    def to_bytes(self) -> bytes:
        return f"%{self.klass}{self.body}={self.parameter}".encode() + END

    @property
    def failure(self) -> Failure | None:
        word = self.parameter.upper().replace(" ", "")
        return next((failure for failure in Failure if failure.value == word), None)

    @property
    def done(self) -> bool:
        """True if this says that a command was carried out."""
        return self.parameter.upper() == "OK"


class Part(StrEnum):
    """What ERST speaks of, in its order (section 4.7)."""

    FAN = "fan"
    LAMP = "lamp"
    TEMPERATURE = "temperature"
    COVER = "cover"
    FILTER = "filter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Troubles:
    errors: tuple[Part, ...]
    warnings: tuple[Part, ...]

    @classmethod
    def parse(cls, parameter: str) -> Self:
        """Six digits, each 0 ok, 1 warning, 2 error. Raises BadReply."""
        if re.fullmatch(r"[012]{6}", parameter) is None:
            raise BadReply(f"ERST is six digits 0 to 2, not {_shown(parameter.encode())}")
        of_level = {level: tuple(p for p, d in zip(Part, parameter, strict=True) if d == level) for level in "12"}
        return cls(of_level["2"], of_level["1"])


def lamp_hours(parameter: str) -> tuple[int, ...]:
    """Hours of each lamp, from pairs of hours and on-flag (section 4.8). Raises BadReply."""
    words = parameter.split()
    if not 2 <= len(words) <= 16 or len(words) % 2 or any(flag not in ("0", "1") for flag in words[1::2]):
        raise BadReply(f"LAMP is pairs of hours and 0 or 1, not {_shown(parameter.encode())}")
    return tuple(hours(word) for word in words[::2])


def hours(parameter: str) -> int:
    """One to five digits (sections 4.8, 4.20). Raises BadReply."""
    if re.fullmatch(r"[0-9]{1,6}", parameter) is None:
        raise BadReply(f"hours are digits, not {_shown(parameter.encode())}")
    return int(parameter)


def picture_muted(parameter: str) -> bool:
    """AVMT: 11 picture, 21 sound, 31 both, 30 none muted; 10 and 20 are seen too (section 4.6). Raises BadReply."""
    if re.fullmatch(r"[123][01]", parameter) is None:
        raise BadReply(f"AVMT is 11, 21, 31 or 30, not {_shown(parameter.encode())}")
    return parameter in ("11", "31")


def flag(parameter: str) -> bool:
    """0 or 1 (FREZ, section 4.26). Raises BadReply."""
    if parameter not in ("0", "1"):
        raise BadReply(f"expected 0 or 1, not {_shown(parameter.encode())}")
    return parameter == "1"


def input_number(parameter: str) -> str:
    """Kind 1 to 6 and terminal 1 to 9 or A to Z (section 4.3). Raises BadReply."""
    if re.fullmatch(r"[1-6][1-9A-Z]", number := parameter.upper()) is None:
        raise BadReply(f"an input is two characters such as 31, not {_shown(parameter.encode())}")
    return number


def input_numbers(parameter: str) -> tuple[str, ...]:
    """INST: input numbers with blanks between (section 4.9). Raises BadReply."""
    return tuple(dict.fromkeys(input_number(word) for word in parameter.split()))


_KINDS = {"1": "rgb", "2": "video", "3": "hdmi", "4": "storage", "5": "network", "6": "internal"}
_ALSO = {"computer": "1", "vga": "1", "digital": "3", "dvi": "3", "usb": "4", "lan": "5"}
_DIGITS = {word: digit for digit, word in _KINDS.items()} | _ALSO


def input_name(number: str) -> str:
    """`31` is `hdmi1`, `12` is `rgb2`, `5A` is `networka`."""
    return _KINDS[number[0]] + number[1].lower()


def number_of(name: str) -> str | None:
    """The number that `name` means: `hdmi1`, `HDMI 1`, `digital1` and `31` are all `31`. None if it means nothing."""
    word = re.sub(r"[ _-]", "", name.lower())
    if re.fullmatch(r"[1-6][1-9a-z]", word):
        return word.upper()
    for kind, digit in _DIGITS.items():
        terminal = word.removeprefix(kind)
        if terminal == word:
            continue
        if len(terminal) == 2 and terminal[0] == digit:  # digital31: the number with its kind before it
            terminal = terminal[1]
        if re.fullmatch(r"[1-9a-z]", terminal):
            return digit + terminal.upper()
    return None


def input_names(numbers: Iterable[str], labels: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Name to number of each input, one name each, in their order; what `own` names stands first and as it is.

    What the set itself prints on it comes first, where that is a kind and a digit ('HDMI 2' is `hdmi2`, even on
    terminal 33), since that is what a teacher reads; then the name that its number has; then the number.
    """
    names = dict(own)
    order = [number for number in numbers if number not in own.values()]
    unnamed: list[str] = []
    for number in order:
        said = number_of(labels.get(number, ""))
        if said is not None and said[1].isdigit() and not labels[number].strip().isdigit():
            name = input_name(said)
            if name not in names:
                names[name] = number
                continue
        unnamed.append(number)
    for number in unnamed:
        name = input_name(number)
        names[number.lower() if name in names else name] = number
    return dict(own) | {name: number for number in order for name, one in names.items() if one == number}


def _shown(line: bytes) -> str:
    """Something of what came, for a person: short and printable."""
    text = line[:40].decode("ascii", "backslashreplace")
    return repr(text) + ("…" if len(line) > 40 else "")
