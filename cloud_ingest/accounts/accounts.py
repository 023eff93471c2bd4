"""Accounts: people and their sessions, and API keys."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType

from cloud_ingest.accounts import passwords
from cloud_ingest.accounts.account_file import AccountFile
from cloud_ingest.accounts.tries import TooManyTries, Tries
from cloud_ingest.accounts.who import SCOPES, Act, Role, Who, WrongAccount, check_scope
from cloud_ingest.store import wall_us

__all__ = ["Accounts", "Key", "Person", "TooManyTries", "WrongPassword"]

COOKIE = "lophoc_ops"
SESSION_S = 12 * 3600
"""A session ends then: a working day."""
IDLE_S = 2 * 3600
"""And before, if nobody used it for so long."""
KEY_START = "lh_"

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")
_USED_US = 300_000_000  # when a session or a key was used is written down every five minutes
_SESSIONS = 20  # of one person


class WrongPassword(Exception):
    """No such account, or not its password; which of both is nobody's business."""


@dataclass(frozen=True, slots=True)
class Person:
    """Times are microseconds since 1970; 0 is never."""

    name: str
    shown: str
    role: Role
    school: str | None
    enabled: bool
    has_password: bool
    has_subject: bool
    """The city's identity provider knows them."""
    made_us: int
    seen_us: int


@dataclass(frozen=True, slots=True)
class Key:
    """Without its secret, which nobody can read any more."""

    id: str
    label: str
    role: Role
    school: str | None
    scopes: frozenset[Act]
    made_by: str
    made_us: int
    until_us: int | None
    used_us: int


class Accounts:
    """Blocking: call it in a thread. All methods raise AccountsUnavailable."""

    def __init__(self, file: AccountFile, clock_us: Callable[[], int] = wall_us) -> None:
        self._file = file
        self._clock_us = clock_us
        self._tries = Tries()

    # --- people ---

    def people(self, find: str = "") -> list[Person]:
        """In order of name."""
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT name, shown, role, school, enabled, password IS NOT NULL, subject IS NOT NULL, made_us, "
                "seen_us FROM person "
                "WHERE :find = '' OR instr(lower(name || ' ' || shown || ' ' || coalesce(school, '')), lower(:find)) "
                "ORDER BY name",
                {"find": find},
            ).fetchall()
        return [Person(row[0], row[1], Role(row[2]), row[3], *map(bool, row[4:7]), *row[7:]) for row in found]

    def person(self, name: str) -> Person | None:
        return next((person for person in self.people(name) if person.name == name), None)

    def add_person(
        self, name: str, role: Role, school: str | None = None, password: str | None = None,
        shown: str = "", subject: str | None = None,
    ) -> None:  # fmt: skip
        """`subject`: who the identity provider says it is. Raises WrongAccount."""
        if _NAME.fullmatch(name) is None:
            raise WrongAccount(
                "name", "a name is 1 to 64 of a-z, 0-9 and . _ @ -, such as lan.nguyen or an e-mail address"
            )
        if password is None and subject is None:
            raise WrongAccount("password", "an account needs a password, or a subject of the identity provider")
        check_scope(role, school)
        kept = None if password is None else passwords.hashed(password, name)
        with self._file.changing() as rows:
            if rows.execute("SELECT 1 FROM person WHERE name = ?", (name,)).fetchone():
                raise WrongAccount("name", f"there is an account {name} already")
            if rows.execute("SELECT 1 FROM person WHERE subject = ?", (subject,)).fetchone():
                raise WrongAccount("subject", "that subject has an account already")
            rows.execute(
                "INSERT INTO person (name, shown, role, school, password, subject, made_us) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, _shown(shown), role.value, school, kept, subject, self._clock_us()),
            )

    def change_person(
        self, name: str, *, role: Role | None = None, school: str | EllipsisType | None = ...,
        password: str | None = None, shown: str | None = None, enabled: bool | None = None,
    ) -> None:  # fmt: skip
        """What is left out stays. Whoever gets another role, school or password is asked to log in again.

        Raises WrongAccount, also if no admin with a password or a subject would be left.
        """
        kept = None if password is None else passwords.hashed(password, name)
        with self._file.changing() as rows:
            row = rows.execute("SELECT role, school, shown, enabled FROM person WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise WrongAccount("name", f"there is no account {name}")
            now_role = Role(row[0]) if role is None else role
            now_school = row[1] if isinstance(school, EllipsisType) else school
            check_scope(now_role, now_school)
            rows.execute(
                "UPDATE person SET role = ?, school = ?, shown = ?, enabled = ?, password = coalesce(?, password) "
                "WHERE name = ?",
                (
                    now_role.value, now_school, row[2] if shown is None else _shown(shown),
                    row[3] if enabled is None else enabled, kept, name,
                ),
            )  # fmt: skip
            if not rows.execute("SELECT 1 FROM person WHERE role = 'admin' AND enabled LIMIT 1").fetchone():
                raise WrongAccount("role", "somebody has to stay admin: make another one first")
            if (now_role, now_school) != (Role(row[0]), row[1]) or password is not None or enabled is False:
                rows.execute("DELETE FROM session WHERE name = ?", (name,))

    def remove_person(self, name: str) -> None:
        """Raises WrongAccount if there is none, or it is the last admin."""
        with self._file.changing() as rows:
            if not rows.execute("DELETE FROM person WHERE name = ?", (name,)).rowcount:
                raise WrongAccount("name", f"there is no account {name}")
            if not rows.execute("SELECT 1 FROM person WHERE role = 'admin' AND enabled LIMIT 1").fetchone():
                raise WrongAccount("name", "it is the only admin: make another one first")

    # --- sessions ---

    def log_in(self, name: str, password: str, address: str) -> tuple[str, Who]:
        """A new session's token. Takes some 0.1 s. Raises WrongPassword, TooManyTries."""
        name = name.strip().casefold()
        with self._tries.attempt(name, address) as attempt:
            with self._file.reading() as rows:
                row = rows.execute("SELECT password, enabled FROM person WHERE name = ?", (name,)).fetchone()
            attempt.right = passwords.fits(password, row[0] if row is not None and row[1] else None)
        if not attempt.right:
            raise WrongPassword
        return self._begin(name)

    def log_in_as(self, subject: str) -> tuple[str, Who]:
        """Whom the identity provider has named. Raises WrongPassword if that is nobody here."""
        with self._file.reading() as rows:
            row = rows.execute("SELECT name FROM person WHERE subject = ? AND enabled", (subject,)).fetchone()
        if row is None:
            raise WrongPassword
        return self._begin(row[0])

    def _begin(self, name: str) -> tuple[str, Who]:
        token, now_us = secrets.token_urlsafe(32), self._clock_us()
        with self._file.changing() as rows:
            rows.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (_hash(token), name, now_us, now_us))
            rows.execute("UPDATE person SET seen_us = ? WHERE name = ?", (now_us, name))
            rows.execute(
                "DELETE FROM session WHERE made_us < ? OR token IN "
                "(SELECT token FROM session WHERE name = ? ORDER BY made_us DESC LIMIT -1 OFFSET ?)",
                (now_us - SESSION_S * 1_000_000, name, _SESSIONS),
            )
        who = self.who_of_session(token)
        if who is None:
            raise WrongPassword  # it was taken away in between
        return token, who

    def who_of_session(self, token: str | None) -> Who | None:
        """None without a session that holds."""
        if token is None or len(token) > 100:
            return None
        now_us, key = self._clock_us(), _hash(token)
        with self._file.reading() as rows:
            row = rows.execute(
                "SELECT name, role, school, session.made_us, used_us FROM session JOIN person USING (name) "
                "WHERE token = ? AND enabled",
                (key,),
            ).fetchone()
        if row is None or now_us - row[3] > SESSION_S * 1_000_000 or now_us - row[4] > IDLE_S * 1_000_000:
            return None
        if now_us - row[4] > _USED_US:
            with self._file.changing() as rows:
                rows.execute("UPDATE session SET used_us = ? WHERE token = ?", (now_us, key))
        return Who(row[0], Role(row[1]), row[2])

    def log_out(self, token: str | None) -> None:
        if token is not None:
            with self._file.changing() as rows:
                rows.execute("DELETE FROM session WHERE token = ?", (_hash(token),))

    # --- keys ---

    def api_keys(self) -> list[Key]:
        """In order of label."""
        with self._file.reading() as rows:
            found = rows.execute(
                "SELECT id, label, role, school, scopes, made_by, made_us, until_us, used_us FROM api_key "
                "ORDER BY label, id"
            ).fetchall()
        return [Key(row[0], row[1], Role(row[2]), row[3], _scopes(row[4]), *row[5:]) for row in found]

    def add_key(
        self, label: str, scopes: frozenset[Act], made_by: str, school: str | None = None, until_us: int | None = None
    ) -> tuple[str, str]:
        """Its id, and the key itself, which is shown this once. Raises WrongAccount."""
        if not 1 <= len(label.strip()) <= 64 or not label.isprintable():
            raise WrongAccount("label", "say in 1 to 64 characters what the key is for")
        if not scopes or not scopes <= SCOPES:
            raise WrongAccount("scopes", f"at least one of {', '.join(sorted(SCOPES))}")
        if school is not None and Act.EXPORT in scopes:
            raise WrongAccount("scopes", "a key of one school cannot export the city: leave out warehouse")
        if until_us is not None and until_us <= self._clock_us():
            raise WrongAccount("until", "a key ends in the future")
        role = Role.OPERATOR if school is None else Role.SCHOOL
        check_scope(role, school)
        made, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        with self._file.changing() as rows:
            rows.execute(
                "INSERT INTO api_key (id, secret, label, role, school, scopes, made_by, made_us, until_us) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    made, _hash(secret), label.strip(), role.value, school, " ".join(sorted(scopes)), made_by,
                    self._clock_us(), until_us,
                ),
            )  # fmt: skip
        return made, f"{KEY_START}{made}_{secret}"

    def remove_key(self, key_id: str) -> None:
        """It is refused from now on. Raises WrongAccount."""
        with self._file.changing() as rows:
            if not rows.execute("DELETE FROM api_key WHERE id = ?", (key_id,)).rowcount:
                raise WrongAccount("id", f"there is no key {key_id}")

    def who_of_key(self, key: str) -> Who | None:
        """None if it is no key that holds."""
        made, _, secret = key.removeprefix(KEY_START).partition("_")
        if not key.startswith(KEY_START) or not secret or len(key) > 100:
            return None
        now_us = self._clock_us()
        with self._file.reading() as rows:
            row = rows.execute(
                "SELECT secret, label, role, school, scopes, until_us, used_us FROM api_key WHERE id = ?", (made,)
            ).fetchone()
        if row is None or not hmac.compare_digest(row[0], _hash(secret)) or (row[5] is not None and now_us >= row[5]):
            return None
        if now_us - row[6] > _USED_US:
            with self._file.changing() as rows:
                rows.execute("UPDATE api_key SET used_us = ? WHERE id = ?", (now_us, made))
        return Who(f"{row[1]} ({made})", Role(row[2]), row[3], is_key=True, scopes=_scopes(row[4]))


def _hash(token: str) -> bytes:
    """Tokens are 256 random bits: a plain hash is enough, and neither the file nor timing shows one."""
    return hashlib.sha256(token.encode()).digest()


def _scopes(written: str) -> frozenset[Act]:
    return frozenset(map(Act, written.split()))


def _shown(name: str) -> str:
    """Raises WrongAccount."""
    if len(name) > 64 or not name.isprintable():
        raise WrongAccount("shown", "a name to show has at most 64 printable characters")
    return name.strip()
