"""Alarms of the centre itself: its broker or its store is away. While one holds, nothing says how gateways are."""

from dataclasses import dataclass

from cloud_ingest.alarms.alarm import Severity
from cloud_ingest.alarms.transition import Cleared, Finding, Raised, Transition

RULE = "centre"
_HOLD_US = 15_000_000
_CLEAR_AFTER_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Centre:
    """How the process that receives is."""

    broker: bool = True
    """Its link to the broker stands."""
    store: bool = True
    """The store takes points."""


_FINDINGS = {
    "broker": Finding(
        f"{RULE} broker", RULE, Severity.CRITICAL,
        "Trung tâm mất kết nối với broker của chính mình: chưa biết tình trạng các trường",
        "The centre has lost its own broker - how schools are is not known",
    ),
    "store": Finding(
        f"{RULE} store", RULE, Severity.CRITICAL,
        "Kho dữ liệu không nhận dữ liệu: các máy điều khiển giữ lại dữ liệu cho đến khi kho hoạt động",
        "The store takes no points - gateways keep them until it does",
    ),
}  # fmt: skip


class CentreAlarms:
    def __init__(self) -> None:
        self.is_blind = False
        self._away_us: dict[str, int] = {}
        self._back_us: dict[str, int] = {}
        self._raised: set[str] = set()

    def restore(self, key: str) -> None:
        """An alarm that holds."""
        self._raised.add(key.removeprefix(f"{RULE} "))

    def look(self, centre: Centre, now_us: int) -> list[Transition]:
        found: list[Transition] = []
        for name, is_well in (("broker", centre.broker), ("store", centre.store)):
            if is_well:
                self._away_us.pop(name, None)
                if name in self._raised and now_us - self._back_us.setdefault(name, now_us) >= _CLEAR_AFTER_US:
                    self._raised.discard(name)
                    found.append(Cleared(_FINDINGS[name].key, now_us))
                continue
            self._back_us.pop(name, None)
            since_us = self._away_us.setdefault(name, now_us)
            if name not in self._raised and now_us - since_us >= _HOLD_US:
                self._raised.add(name)
                found.append(Raised(_FINDINGS[name], since_us))
        self.is_blind = not (centre.broker and centre.store)
        return found
