"""The audit: what was written is found again, and what was changed later is found out."""

import sqlite3
from pathlib import Path

import pytest

from cloud_ingest.accounts.account_file import FILE, AccountFile
from cloud_ingest.accounts.audit import Audit
from cloud_ingest.accounts.who import Role, Who
from tests.cloud_ingest.accounts.conftest import Clock

LAN = Who("lan", Role.OPERATOR)


def test_the_newest_first_page_by_page(file: AccountFile, clock: Clock) -> None:
    audit = Audit(file, clock)
    for number in range(5):
        clock.pass_s(1)
        audit.write(LAN, "alarm.mute", f"alarm-{number}", {"until": "10:00"}, "le-loi")
    audit.write(Who("robot", Role.OPERATOR, is_key=True), "equipment.edit", "projector", {"serial": "Đ-1"})
    assert [entry.on for entry in audit.read(limit=2)] == ["projector", "alarm-4"]
    older = audit.read(limit=2, before=5)
    assert [(entry.on, entry.who, entry.role, entry.detail) for entry in older] == [
        ("alarm-3", "lan", "operator", {"until": "10:00"}),
        ("alarm-2", "lan", "operator", {"until": "10:00"}),
    ]
    assert [entry.role for entry in audit.read(who="robot (x)")] == []
    assert [entry.role for entry in audit.read(find="đ-1") + audit.read(find="PROJECTOR")] == ["key"]
    assert len(audit.read(school="le-loi", action="alarm.mute")) == 5
    assert audit.broken_at() is None


@pytest.mark.parametrize(
    ("harm", "found_at"),
    [
        ("UPDATE audit SET who = 'other' WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 2", 2),
        ("UPDATE audit SET detail = '{}' WHERE id = 1", 1),
        ("UPDATE audit SET id = id + 1 WHERE id = 4", 4),
    ],
)
def test_what_was_changed_later_is_found_out(file: AccountFile, tmp_path: Path, harm: str, found_at: int) -> None:
    audit = Audit(file)
    for number in range(4):
        audit.write(LAN, "act", str(number), {"a": "b"})
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute(harm)
    other.close()
    assert audit.broken_at() == found_at


def test_a_detail_that_is_too_long_is_cut(file: AccountFile) -> None:
    audit = Audit(file)
    audit.write(LAN, "act", "on", {"text": "x" * 10_000})
    assert len(audit.read()[0].detail["cut"]) == 2000
