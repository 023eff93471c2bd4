"""Passwords as Argon2id hashes (RFC 9106, its second recommended option: 64 MiB, three passes)."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from cloud_ingest.accounts.who import WrongAccount

LEAST, MOST = 12, 256

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_few_at_once = threading.Semaphore(2)  # each takes 64 MiB
# Looked at where there is no such account, so that the time says nothing.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$gaA96e4jb2kaseITZFcMwg$tUcKAnBAyXVyvr16W0mDJLrE9Uu5ctNlzgzDjWqJNO8"


def hashed(password: str, name: str) -> str:
    """Takes some 0.1 s of a processor. Raises WrongAccount."""
    check(password, name)
    with _few_at_once:
        return _hasher.hash(password)


def check(password: str, name: str) -> None:
    """Long is what counts (NIST SP 800-63B, section 3.1.1.2): no rules about signs. Raises WrongAccount."""
    if not LEAST <= len(password) <= MOST:
        raise WrongAccount("password", f"a password has {LEAST} to {MOST} characters")
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise WrongAccount("password", "too easy: it repeats a few characters, or holds the account's name")


def fits(password: str, kept: str | None) -> bool:
    """As slow for an account that is not there (None) as for one that is."""
    try:
        with _few_at_once:
            return _hasher.verify(kept or _NOBODYS, password[: MOST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
