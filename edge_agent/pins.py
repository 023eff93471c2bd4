"""The room's two PINs: from the environment, or as salted scrypt hashes (RFC 7914) in a file that only we can read."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent import private_file
from edge_agent.rank import HOLDERS, Rank

FILE = "pins.json"
VARIABLES = {Rank.TEACHER: "LOPHOC_TEACHER_PIN", Rank.TECHNICIAN: "LOPHOC_TECHNICIAN_PIN"}
RULE = "a PIN has 4 to 12 digits"

_LEAST, _MOST = 4, 12
_N, _R, _P = 2**14, 8, 1  # 16 MiB and some 50 ms each
_MAX_MEMORY = 64 * 1024 * 1024


class WrongPins(ValueError):
    """The PINs cannot be used as they are; the text says why, and names none."""


@dataclass(frozen=True, slots=True)
class _Kept:
    salt: bytes
    hashed: bytes = field(repr=False)

    def fits(self, pin: str) -> bool:
        return hmac.compare_digest(_hash(pin, self.salt), self.hashed)


class Pins:
    """A PIN in the environment goes before the one in the file, which is read anew when it has changed."""

    def __init__(self, file: Path, environment: Mapping[str, str]) -> None:
        """Raises WrongPins if the environment or the file cannot be used."""
        self._file = file
        self._given = {rank: environment[name] for rank, name in VARIABLES.items() if environment.get(name)}
        for rank, pin in self._given.items():
            check(pin, VARIABLES[rank])
        if len(set(self._given.values())) < len(self._given):
            raise WrongPins("the two PINs must differ: " + ", ".join(VARIABLES.values()))
        self._read: tuple[tuple[int, int, int] | None, dict[Rank, _Kept]] = (None, {})
        self._kept()

    def any_set(self) -> bool:
        """Raises WrongPins if the file can no longer be used."""
        return bool(self._given or self._kept())

    def rank(self, pin: str) -> Rank | None:
        """Whose PIN it is. Takes some 0.1 s of a processor and as long for a wrong one: call it in a thread.

        Raises WrongPins if the file can no longer be used.
        """
        kept = self._kept()
        found = None
        for rank in HOLDERS:
            if rank in self._given:
                fits = hmac.compare_digest(pin.encode(), self._given[rank].encode())
            else:
                fits = rank in kept and kept[rank].fits(pin)
            if fits:
                found = rank
        return found

    def edition(self, rank: Rank) -> bytes:
        """Another value once the PIN of `rank` was changed. Raises WrongPins if the file can no longer be used."""
        if rank in self._given:
            return b"environment"
        kept = self._kept().get(rank)
        return b"" if kept is None else kept.salt

    def _kept(self) -> dict[Rank, _Kept]:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return {}
        except OSError as wrong:
            raise WrongPins(f"{self._file} cannot be read: {wrong.strerror}") from wrong
        edition = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._read[0] != edition:
            self._read = (edition, _read(self._file))
        return self._read[1]


def check(pin: str, where: str = "") -> None:
    """Raises WrongPins if it is none."""
    if not (pin.isascii() and pin.isdecimal() and _LEAST <= len(pin) <= _MOST):
        raise WrongPins(f"{where}: {RULE}" if where else RULE)


def set_pin(file: Path, rank: Rank, pin: str) -> None:
    """Keep the PIN of a rank, for good or not at all. Raises WrongPins."""
    check(pin)
    kept = _read(file) if file.exists() else {}
    if any(other is not rank and one.fits(pin) for other, one in kept.items()):
        raise WrongPins("the teacher's and the technician's PIN must differ")
    salt = secrets.token_bytes(16)
    kept[rank] = _Kept(salt, _hash(pin, salt))
    file.parent.mkdir(parents=True, exist_ok=True)
    private_file.write(file, {rank: {"salt": one.salt.hex(), "scrypt": one.hashed.hex()} for rank, one in kept.items()})


def _hash(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=_MAX_MEMORY)


def _read(file: Path) -> dict[Rank, _Kept]:
    """Raises WrongPins."""
    try:
        written = json.loads(file.read_bytes())
        return {
            Rank(rank): _Kept(bytes.fromhex(one["salt"]), bytes.fromhex(one["scrypt"]))
            for rank, one in written.items()
            if Rank(rank) in HOLDERS
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
        raise WrongPins(f"{file} cannot be read ({type(wrong).__name__}); remove it and set the PINs anew") from wrong
