"""People, sessions, keys: who gets in, who does not, and for how long."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from cloud_ingest.accounts import passwords
from cloud_ingest.accounts.account_file import FILE, AccountFile, AccountsUnavailable
from cloud_ingest.accounts.accounts import IDLE_S, SESSION_S, Accounts, WrongPassword
from cloud_ingest.accounts.tries import TooManyTries, Tries
from cloud_ingest.accounts.who import SCOPES, Act, Role, Who, WrongAccount
from tests.cloud_ingest.accounts.conftest import Clock

PASSWORD = "correct horse battery"


def test_a_session_lasts_for_a_day_of_work_and_not_longer(accounts: Accounts, clock: Clock) -> None:
    accounts.add_person("lan", Role.OPERATOR, password=PASSWORD)
    token, who = accounts.log_in(" Lan ", PASSWORD, "10.0.0.1")
    assert who == accounts.who_of_session(token) == Who("lan", Role.OPERATOR)
    for _ in range(SESSION_S // 3600):
        clock.pass_s(3600)
        assert accounts.who_of_session(token) is not None
    clock.pass_s(1)
    assert accounts.who_of_session(token) is None


def test_a_session_that_nobody_uses_ends_before(accounts: Accounts, clock: Clock) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    token, _ = accounts.log_in("lan", PASSWORD, "10.0.0.1")
    clock.pass_s(IDLE_S + 1)
    assert accounts.who_of_session(token) is None


def test_logging_out_ends_it(accounts: Accounts) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    token, _ = accounts.log_in("lan", PASSWORD, "10.0.0.1")
    accounts.log_out(token)
    accounts.log_out(None)
    assert accounts.who_of_session(token) is None
    assert accounts.who_of_session(None) is accounts.who_of_session("x" * 5000) is None


def test_sessions_and_accounts_live_through_a_restart_in_a_file_that_only_we_can_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / FILE
    with AccountFile(path) as file:
        Accounts(file).add_person("lan", Role.SCHOOL, "le-loi", PASSWORD)
        token, _ = Accounts(file).log_in("lan", PASSWORD, "10.0.0.1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD.encode() not in path.read_bytes()
    assert token.encode() not in path.read_bytes()
    with AccountFile(path) as file:
        assert Accounts(file).who_of_session(token) == Who("lan", Role.SCHOOL, "le-loi")


@pytest.mark.parametrize("change", [{"role": Role.VIEWER}, {"password": "another horse battery"}, {"enabled": False}])
def test_whoever_is_changed_has_to_log_in_again(accounts: Accounts, change: dict[str, object]) -> None:
    accounts.add_person("chief", Role.ADMIN, password=PASSWORD)
    accounts.add_person("lan", Role.OPERATOR, password=PASSWORD)
    token, _ = accounts.log_in("lan", PASSWORD, "10.0.0.1")
    accounts.change_person("lan", **change)  # type: ignore[arg-type]
    assert accounts.who_of_session(token) is None


def test_a_wrong_password_and_no_account_look_the_same(accounts: Accounts) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    accounts.add_person("sso", Role.VIEWER, subject="https://id.example s-1")
    for name, password in (("lan", "wrong horse battery"), ("nobody", PASSWORD), ("sso", ""), ("lan", PASSWORD + "\0")):
        with pytest.raises(WrongPassword):
            accounts.log_in(name, password, "10.0.0.2")


def test_a_disabled_account_stays_out(accounts: Accounts) -> None:
    accounts.add_person("chief", Role.ADMIN, password=PASSWORD)
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD, subject="s")
    accounts.change_person("lan", enabled=False)
    with pytest.raises(WrongPassword):
        accounts.log_in("lan", PASSWORD, "10.0.0.1")
    with pytest.raises(WrongPassword):
        accounts.log_in_as("s")


def test_an_account_is_guessed_at_five_times_and_its_owner_still_gets_in(accounts: Accounts) -> None:
    accounts.add_person("lan", Role.VIEWER, password=PASSWORD)
    accounts.log_in("lan", PASSWORD, "10.0.0.1")
    for number in range(5):
        with pytest.raises(WrongPassword):
            accounts.log_in("lan", f"guess number {number}", f"10.9.0.{number}")
    with pytest.raises(TooManyTries) as refused:
        accounts.log_in("lan", PASSWORD, "10.9.0.77")
    assert 1 <= refused.value.wait_s <= 60
    assert accounts.log_in("lan", PASSWORD, "10.0.0.1")[1].name == "lan"


def test_many_guesses_at_once_are_counted_before_they_are_looked_at() -> None:
    tries, let_in = Tries(), []

    def guess(number: int) -> None:
        try:
            with tries.attempt("lan", f"10.0.{number}.1"):
                let_in.append(number)
        except TooManyTries:
            pass

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(guess, range(100)))
    assert len(let_in) == 5


def test_an_address_that_guesses_at_many_accounts_has_to_wait() -> None:
    tries = Tries()
    for number in range(20):
        with tries.attempt(f"name-{number}", "2001:db8::1"):
            pass
    with pytest.raises(TooManyTries), tries.attempt("another", "2001:db8::2"):  # of the same subscriber
        pass
    with tries.attempt("another", "2001:db8:0:1::1") as attempt:
        attempt.right = True


@pytest.mark.parametrize(
    ("field", "made"),
    [
        ("name", {"name": "Lan Nguyen"}),
        ("name", {"name": "chief"}),
        ("password", {"password": "short"}),
        ("password", {"password": "aaaaaaaaaaaaaaa"}),
        ("password", {"password": "lan-is-my-name-x"}),
        ("password", {"password": None}),
        ("school", {"role": Role.SCHOOL}),
        ("school", {"role": Role.ADMIN, "school": "le-loi"}),
        ("school", {"role": Role.VIEWER, "school": "Lê Lợi"}),
        ("shown", {"shown": "x" * 65}),
    ],
)
def test_what_cannot_be_an_account_names_its_field(accounts: Accounts, field: str, made: dict[str, object]) -> None:
    accounts.add_person("chief", Role.ADMIN, password=PASSWORD)
    with pytest.raises(WrongAccount) as wrong:
        accounts.add_person(**{"name": "lan", "role": Role.VIEWER, "password": PASSWORD, **made})  # type: ignore[arg-type]
    assert wrong.value.field == field
    assert [person.name for person in accounts.people()] == ["chief"]


def test_somebody_stays_admin(accounts: Accounts) -> None:
    accounts.add_person("chief", Role.ADMIN, password=PASSWORD)
    with pytest.raises(WrongAccount):
        accounts.remove_person("chief")
    with pytest.raises(WrongAccount):
        accounts.change_person("chief", enabled=False)
    with pytest.raises(WrongAccount):
        accounts.change_person("chief", role=Role.VIEWER)
    assert accounts.people()[0].role is Role.ADMIN
    accounts.add_person("deputy", Role.ADMIN, password=PASSWORD)
    accounts.remove_person("chief")
    assert [person.name for person in accounts.people("dep")] == ["deputy"]
    with pytest.raises(WrongAccount):
        accounts.remove_person("chief")
    with pytest.raises(WrongAccount):
        accounts.change_person("chief", shown="x")


def test_a_key_is_shown_once_and_does_what_it_was_made_for(accounts: Accounts, clock: Clock, tmp_path: Path) -> None:
    made, written = accounts.add_key("dashboard", frozenset({Act.READ}), "chief", until_us=clock.us + 10_000_000)
    who = accounts.who_of_key(written)
    assert who is not None
    assert (who.may(Act.READ), who.may(Act.HANDLE_ALARMS), who.school, who.is_key) == (True, False, None, True)
    assert written.rpartition("_")[2].encode() not in (tmp_path / FILE).read_bytes()
    for wrong in (
        written + "x",
        written[:-1],
        "",
        "lh_",
        f"lh_{made}_",
        "lh_" + "x" * 5000,
        written.removeprefix("lh_"),
    ):
        assert accounts.who_of_key(wrong) is None
    clock.pass_s(10)
    assert accounts.who_of_key(written) is None
    accounts.remove_key(made)
    assert accounts.api_keys() == []
    with pytest.raises(WrongAccount):
        accounts.remove_key(made)


def test_when_a_key_was_used_is_known_within_five_minutes(accounts: Accounts, clock: Clock) -> None:
    _, written = accounts.add_key("school", frozenset({Act.READ, Act.EDIT_EQUIPMENT}), "chief", "le-loi")
    who = accounts.who_of_key(written)
    assert who is not None
    assert (who.sees("le-loi"), who.sees("other"), who.may(Act.EDIT_EQUIPMENT)) == (True, False, True)
    assert abs(accounts.api_keys()[0].used_us - clock.us) <= 300_000_000


@pytest.mark.parametrize(
    ("label", "scopes", "school", "ends"),
    [
        ("", {Act.READ}, None, None), ("x", set(), None, None), ("x", {Act.ADMINISTER}, None, None),
        ("x", {Act.EXPORT}, "le-loi", None), ("x", {Act.READ}, "Lê", None), ("x", {Act.READ}, None, 5),
    ],
)  # fmt: skip
def test_what_cannot_be_a_key(
    accounts: Accounts, label: str, scopes: set[Act], school: str | None, ends: int | None
) -> None:
    with pytest.raises(WrongAccount):
        accounts.add_key(label, frozenset(scopes), "chief", school, ends)


def test_rights_grow_with_the_role_and_scope_is_by_row() -> None:
    rights = [{act for act in Act if Who("x", role).may(act)} for role in Role]
    assert rights == sorted(rights, key=len)
    assert all(less <= more for less, more in pairwise(rights))
    assert not Who("x", Role.OPERATOR).may(Act.ADMINISTER)
    assert set(Act) - {Act.ADMINISTER} == SCOPES
    assert not Who("x", Role.VIEWER, "le-loi").sees("other")


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with AccountFile(tmp_path / FILE):
        pass
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(AccountsUnavailable, match="version 99"), AccountFile(tmp_path / FILE):
        pass
    (tmp_path / "broken").write_bytes(b"no database at all" * 100)
    with pytest.raises(AccountsUnavailable), AccountFile(tmp_path / "broken"):
        pass
    assert (tmp_path / "broken").read_bytes().startswith(b"no database")


def test_the_real_hashes_are_argon2id_and_take_as_long_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    real = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
    monkeypatch.setattr(passwords, "_hasher", real)
    kept = passwords.hashed(PASSWORD, "lan")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not real.check_needs_rehash(passwords._NOBODYS)
    assert passwords.fits(PASSWORD, kept)
    assert not passwords.fits(PASSWORD, None)
    assert not passwords.fits(PASSWORD, "no hash")
