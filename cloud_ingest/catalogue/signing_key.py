"""The key that signs what the centre publishes: Ed25519 (RFC 8032), in a file that only we can read.

Whoever has it can change every room's lessons. Keep a copy off this machine: without it each gateway has to be told of
a new one.
"""

import base64
import binascii
import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from classroom_profiles import catalogue
from classroom_profiles.catalogue import Bundle

FILE = "catalogue.key"


class WrongSigningKey(Exception):
    """It cannot be used; the text says why, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    _key: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    @property
    def written(self) -> str:
        """What a technician gives to a gateway."""
        return base64.b64encode(self.public).decode()

    def seal(self, bundle: Bundle) -> bytes:
        """Raises WrongCatalogue."""
        return catalogue.seal(bundle, self.public, self._key.sign)


def signing_key(folder: Path, *, create: bool = False) -> SigningKey:
    """The key in a folder; made if there is none and `create` says so. Raises WrongSigningKey."""
    path = folder / FILE
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):
                _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise WrongSigningKey(f"others can read {path}: run chmod 600 on it, and think of making a new one")
        raw = base64.b64decode(path.read_bytes().strip(), validate=True)
        return SigningKey(Ed25519PrivateKey.from_private_bytes(raw))
    except FileNotFoundError:
        raise WrongSigningKey(f"there is no {path}; `lophoc catalogue key` makes one") from None
    except (binascii.Error, ValueError) as wrong:
        raise WrongSigningKey(f"{path} is no key") from wrong
    except OSError as why:
        raise WrongSigningKey(f"{path}: {why.strerror}") from why


def _make(path: Path) -> None:
    """Raises FileExistsError, OSError."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as out:
        out.write(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()) + b"\n")
        out.flush()
        os.fsync(out.fileno())
