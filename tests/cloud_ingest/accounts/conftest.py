"""Accounts in a file of their own, with a clock that stands still until it is moved."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cloud_ingest.accounts import passwords
from cloud_ingest.accounts.account_file import FILE, AccountFile
from cloud_ingest.accounts.accounts import Accounts


@dataclass
class Clock:
    us: int = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.us

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * 1e6)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real Argon2id with the least work; one test uses the real parameters."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[AccountFile]:
    with AccountFile(tmp_path / FILE) as opened:
        yield opened


@pytest.fixture
def accounts(file: AccountFile, clock: Clock) -> Accounts:
    return Accounts(file, clock)
