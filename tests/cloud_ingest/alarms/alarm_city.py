"""A desk for the engine's tests: points, gateways, a clock that goes where it is told, and what alarms came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from classroom_profiles.capability import Value
from classroom_profiles.telemetry import Measurement
from cloud_ingest.alarms.centre_alarms import Centre
from cloud_ingest.alarms.engine import Engine
from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.rules import RuleSet
from cloud_ingest.alarms.rules_file import load_rules
from cloud_ingest.alarms.transition import Changed, Cleared, Finding, Raised, Transition
from cloud_ingest.gateways import Gateway, Said

S = 1_000_000
MONDAY_9_US = 1_793_584_800 * S
"""Monday, 2 November 2026, 9:00 in Asia/Ho_Chi_Minh."""


@dataclass(frozen=True, slots=True)
class P:
    """A point."""

    value: Value
    time_us: int
    metric: str = "co2_ppm"
    device: str = "air"
    role: str = "air-sensor"
    measurement: Measurement = Measurement.READING
    school: str = "thcs-a"
    room: str = "r1"
    simulated: bool = False


def rules(tmp_path: Path, text: str) -> RuleSet:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return load_rules(path)


@dataclass
class Desk:
    """Runs an engine and holds its transitions to what they promise."""

    rules: RuleSet
    now_us: int = MONDAY_9_US
    wards: Mapping[str, str] = field(default_factory=dict)
    found: list[Transition] = field(default_factory=list)
    holding: dict[str, Finding] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    raised: int = 0
    kept: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = Engine(self.rules, Calendar.of(self.rules), self.wards)

    def feed(
        self,
        points: Iterable[P] = (),
        gateways: Sequence[Gateway] | None = None,
        centre: Centre | None = None,
        engine: Engine | None = None,
    ) -> list[Transition]:
        found = self.engine.feed(points, self.now_us, gateways=gateways, centre=centre)
        for each in found:
            match each:
                case Raised(finding, since_us):
                    assert finding.key not in self.holding, f"raised twice: {finding.key}"
                    assert since_us <= self.now_us
                    self.holding[finding.key] = finding
                    self.since[finding.key] = since_us
                    self.raised += 1
                case Changed(finding, _):
                    assert finding.key in self.holding, f"changed, but never raised: {finding.key}"
                    self.holding[finding.key] = finding
                case Cleared(key, _, _):
                    assert key in self.holding, f"cleared, but never raised: {key}"
                    del self.holding[key]
        changed, gone = self.engine.keep()
        for name in gone:
            self.kept.pop(name, None)
        self.kept |= changed
        self.found += found
        return found

    def wait(self, seconds: float, gateways: Sequence[Gateway] | None = None, step_s: float = 1.0) -> None:
        for _ in range(int(seconds / step_s)):
            self.now_us += int(step_s * S)
            self.feed(gateways=gateways)

    def restart(self) -> None:
        """Another process, from what the inbox has."""
        self.engine = Engine(self.rules, Calendar.of(self.rules), self.wards)
        self.engine.restore({key: self.since[key] for key in self.holding}, dict(self.kept))

    @property
    def texts(self) -> list[str]:
        return sorted(finding.text_en for finding in self.holding.values())


ONLINE = Said("online", clock="trusted")
LOST = Said("offline")


def gateway(school: str, name: str, now_us: int, said: Said = ONLINE) -> Gateway:
    """One that has just been heard of."""
    return Gateway(school, name, said, now_us, now_us, now_us, 1, ())


def lost(one: Gateway, at_us: int) -> Gateway:
    return replace(one, said=LOST, said_us=at_us)
