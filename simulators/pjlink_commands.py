"""A PJLink projector's commands: what it answers in the state it is in. No I/O.

Source: PJLink Specifications Version 2.10 (JBMIA), section 4; class 1 is contained in class 2.
Where the specification leaves a choice, this set behaves as most do: power commands against a running
warm-up or cool-down are ERR3, and so is everything about the picture while there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.faults import Faults
from simulators.projector_lamp import Lamp

ERRORS = ("fan", "lamp", "temperature", "cover", "filter", "other")
"""The digits of ERST, in order (section 4.7)."""

FAULTS: dict[str, str] = {
    "drop": "closes the connection in the middle of each reply",
    "slow": "answers some seconds late",
    "garbage": "answers with bytes that are no PJLink",
    "silent": "takes what is sent and says nothing",
    "split": "sends its replies byte by byte",
    "lower-case": "writes its replies in lower case",
    "wrong-password": "takes no password",
    "err3": "is never available for commands",
    "refuse": "answers every power command with ERR4",
    "stuck-warming": "never ends warming up",
    **{name: f"reports an error: {name}" for name in ERRORS},
    **{f"{name}-warning": f"reports a warning: {name}" for name in ERRORS},
}

INPUTS: dict[str, str] = {"11": "VGA", "31": "HDMI 1", "32": "HDMI 2", "51": "LAN"}
"""Terminal (kind and number, section 4.3) to its name (INNM)."""

_POWER_DIGIT = {"off": "0", "on": "1", "cooling": "2", "warming": "3"}
_CLASS_OF_INPUT = {1: ("12345", "123456789"), 2: ("123456", "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_CLASS_2 = ("SNUM", "SVER", "INNM", "IRES", "RRES", "FILT", "RLMP", "RFIL", "SVOL", "MVOL", "FREZ")
_VOLUME_MAX = 20


@dataclass(slots=True)
class Labels:
    """What is printed on the set."""

    name: str = "Máy chiếu mô phỏng"
    maker: str = "LOPHOC"
    product: str = "Simulated XGA"
    other: str = "no real light"
    serial_number: str = "SIM0001"
    software_version: str = "1.0"
    lamp_model: str = "LMP-SIM"
    filter_model: str = "FLT-SIM"


@dataclass(slots=True)
class Picture:
    """What the set remembers of picture and sound."""

    input: str = "31"
    video_muted: bool = False
    audio_muted: bool = False
    frozen: bool = False
    speaker_volume: int = 10
    microphone_volume: int = 10
    signal: str = "1920x1080"
    """Resolution of the input signal; '-' for none, '*' for unknown (section 4.18)."""


@dataclass(slots=True)
class ProjectorSet:
    """The set behind the wire: its state, and its answer to each command."""

    lamp: Lamp
    faults: Faults
    pjlink_class: int = 2
    inputs: Mapping[str, str] = field(default_factory=lambda: dict(INPUTS))
    labels: Labels = field(default_factory=Labels)
    picture: Picture = field(default_factory=Picture)
    filter_hours: int = 120

    def answer(self, line: str) -> str | None:
        """The reply to `%1POWR ?`, without carriage return; None where a projector says nothing at all."""
        if len(line) < 6 or line[0] != "%":
            return None
        version, body, parameter = line[1], line[2:6].upper(), line[7:]
        if not self._knows(version, body) or line[6:7] != " ":
            return f"%{version}{body}=ERR1"
        return f"%{version}{body}={self._result(int(version), body, parameter)}"

    @property
    def error_status(self) -> str:
        """ERST's six digits: 0 good, 1 warning, 2 error."""
        return "".join("2" if e in self.faults else "1" if f"{e}-warning" in self.faults else "0" for e in ERRORS)

    def _knows(self, version: str, body: str) -> bool:
        if version == "2":
            return self.pjlink_class == 2 and body in (*_CLASS_2, "INPT", "INST")
        return version == "1" and body in _CLASS_1

    def _result(self, version: int, body: str, parameter: str) -> str:
        match body:
            case "POWR":
                return self._power(parameter)
            case "INPT":
                return self._input(version, parameter)
            case "AVMT":
                return self._mute(parameter)
            case "FREZ":
                return self._freeze(parameter)
            case "SVOL" | "MVOL":
                return self._volume(body, parameter)
            case "INNM":
                return self.inputs.get(parameter[1:], "ERR2") if parameter[:1] == "?" else "ERR2"
        if parameter != "?":
            return "ERR2"
        if body == "IRES":
            return self.picture.signal if self._available else "ERR3"
        return self._told(version, body)

    def _told(self, version: int, body: str) -> str:
        """What the set tells in any state."""
        match body:
            case "ERST":
                return self.error_status
            case "LAMP":
                return f"{int(self.lamp.hours)} {int(self.lamp.lit)}"
            case "INST":
                return " ".join(terminal for terminal in self.inputs if _belongs(terminal, version))
            case "FILT":
                return str(self.filter_hours)
            case "RRES":
                return "1920x1080"
            case "CLSS":
                return str(self.pjlink_class)
        told = {
            "NAME": self.labels.name,
            "INF1": self.labels.maker,
            "INF2": self.labels.product,
            "INFO": self.labels.other,
            "SNUM": self.labels.serial_number,
            "SVER": self.labels.software_version,
            "RLMP": self.labels.lamp_model,
            "RFIL": self.labels.filter_model,
        }
        return told[body]

    @property
    def _available(self) -> bool:
        return self.lamp.power == "on" and "err3" not in self.faults

    def _power(self, parameter: str) -> str:
        if parameter == "?":
            return _POWER_DIGIT[self.lamp.power]
        if parameter not in ("0", "1"):
            return "ERR2"
        if "refuse" in self.faults:
            return "ERR4"
        against = "cooling" if parameter == "1" else "warming"
        if "err3" in self.faults or self.lamp.power == against:
            return "ERR3"
        if parameter == "1":
            self.lamp.turn_on()
        else:
            self.lamp.turn_off()
        return "OK"

    def _input(self, version: int, parameter: str) -> str:
        if parameter == "?":
            return self.picture.input if self._available else "ERR3"
        if parameter not in self.inputs or not _belongs(parameter, version):
            return "ERR2"
        if not self._available:
            return "ERR3"
        self.picture.input = parameter
        return "OK"

    def _mute(self, parameter: str) -> str:
        video, audio = self.picture.video_muted, self.picture.audio_muted
        if parameter == "?":
            if not self._available:
                return "ERR3"
            return {(True, False): "11", (False, True): "21", (True, True): "31", (False, False): "30"}[video, audio]
        if len(parameter) != 2 or parameter[0] not in "123" or parameter[1] not in "01":
            return "ERR2"
        if not self._available:
            return "ERR3"
        muted = parameter[1] == "1"
        if parameter[0] in "13":
            self.picture.video_muted = muted
        if parameter[0] in "23":
            self.picture.audio_muted = muted
        return "OK"

    def _freeze(self, parameter: str) -> str:
        if parameter not in ("?", "0", "1"):
            return "ERR2"
        if not self._available:
            return "ERR3"
        if parameter == "?":
            return "1" if self.picture.frozen else "0"
        self.picture.frozen = parameter == "1"
        return "OK"

    def _volume(self, body: str, parameter: str) -> str:
        if parameter not in ("0", "1"):
            return "ERR2"
        if not self._available:
            return "ERR3"
        step = 1 if parameter == "1" else -1
        if body == "SVOL":
            self.picture.speaker_volume = min(_VOLUME_MAX, max(0, self.picture.speaker_volume + step))
        else:
            self.picture.microphone_volume = min(_VOLUME_MAX, max(0, self.picture.microphone_volume + step))
        return "OK"


_CLASS_1 = ("POWR", "INPT", "AVMT", "ERST", "LAMP", "INST", "NAME", "INF1", "INF2", "INFO", "CLSS")


def _belongs(terminal: str, version: int) -> bool:
    """True if this class of the protocol can name that terminal (sections 4.3 and 4.9)."""
    kinds, numbers = _CLASS_OF_INPUT[version]
    return len(terminal) == 2 and terminal[0] in kinds and terminal[1] in numbers
