"""900 schools of 6 gateways in a real registry file, of which 300 vanish at once; of 30: `benchmarks/alarms.py`."""

import random
from pathlib import Path

from classroom_profiles.topics import Address
from cloud_ingest.alarms.alarm import AlarmState, Everything, Severity
from cloud_ingest.alarms.engine import Engine
from cloud_ingest.alarms.hours import Calendar
from cloud_ingest.alarms.inbox import Alarms, Wanted
from cloud_ingest.alarms.rules_file import builtin_rules
from cloud_ingest.registry import Registry
from tests.cloud_ingest.alarms.alarm_city import MONDAY_9_US, S

_ONLINE = b'{"state":"online","version":"1.0","clock":"trusted"}'
_GONE = b'{"state":"offline","version":"1.0","clock":"trusted"}'
_CITY = Everything()
_EVER = Wanted(states=frozenset(AlarmState))
_EACH = 6


def test_300_of_900_schools_vanish_and_come_back(tmp_path: Path) -> None:
    now_us = MONDAY_9_US
    everyone = [Address(f"school-{s:04}", f"room-{g:02}") for s in range(900) for g in range(_EACH)]
    gone, dice = everyone[: 300 * _EACH], random.Random(5)
    dice.shuffle(gone)
    with (
        Registry(tmp_path / "registry", clock_us=lambda: now_us, flush_s=3600) as registry,
        Alarms(tmp_path / "alarms.sqlite", create=True, clock_us=lambda: now_us) as inbox,
    ):
        rules = builtin_rules()
        wards = {f"school-{n:04}": f"Phường {n // 6}" for n in range(900)}
        engine = Engine(rules, Calendar.of(rules), wards)

        def pass_time(seconds: int, said: list[Address], what: bytes) -> None:
            """What they say comes over the first of it, as keepalives expire."""
            nonlocal now_us
            now_us += seconds * S
            for each in said:
                registry.on_status(each, what)
            registry.flush()
            inbox.apply(engine.feed([], now_us, gateways=registry.gateways()), *engine.keep())

        pass_time(0, everyone, _ONLINE)
        for start in range(0, len(gone), 600):
            pass_time(20, gone[start : start + 600], _GONE)
        for _ in range(3):
            pass_time(50, [], b"")
        (top,) = inbox.list(_CITY).alarms
        assert top.severity is Severity.CRITICAL
        assert (top.in_schools, top.cause_of) == (300, 300 * _EACH)
        assert "300 trường mất kết nối cùng lúc" in top.text_vi
        assert "Phường" in top.text_vi
        assert inbox.open_by_school() == {f"school-{n:04}": 1 for n in range(300)}
        for start in range(0, len(gone), 600):
            pass_time(20, gone[start : start + 600], _ONLINE)
        for _ in range(3):
            pass_time(50, [], b"")
        assert inbox.list(_CITY).alarms == []
        assert inbox.list(_CITY, _EVER).total == 1
