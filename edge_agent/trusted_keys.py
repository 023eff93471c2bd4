"""Whose catalogues this gateway takes: Ed25519 public keys (RFC 8032), one a line, in a technician's file."""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from classroom_profiles.catalogue import Sealed, WrongCatalogue, key_id
from edge_agent import private_file

FILE = "trusted.keys"
MOST = 8
"""Two are enough to change from an old key to a new one."""


class WrongKey(ValueError):
    """It is no key; the text says what one looks like."""


def key_of(written: str) -> bytes:
    """The raw public key. Raises WrongKey."""
    try:
        raw = base64.b64decode(written.strip(), validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError) as wrong:
        raise WrongKey("a key is 44 characters of base64, as `lophoc catalogue key` prints it") from wrong
    return raw


def trusted(folder: Path) -> dict[bytes, bytes]:
    """Key id to raw key. Raises WrongKey that names the line, OSError. Without a file nobody is trusted."""
    try:
        lines = (folder / FILE).read_text("ascii", "replace").splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for number, line in enumerate(lines, 1):
        written = line.partition("#")[0].strip()
        if written:
            try:
                key = key_of(written)
            except WrongKey as wrong:
                raise WrongKey(f"{FILE}:{number}: {wrong}") from wrong
            found[key_id(key)] = key
    if len(found) > MOST:
        raise WrongKey(f"{FILE}: {len(found)} keys; at most {MOST} are trusted")
    return found


def trust(folder: Path, written: str) -> None:
    """Also this one. Raises WrongKey, OSError."""
    key = key_of(written)
    keys = trusted(folder)
    if key_id(key) in keys:
        return
    if len(keys) >= MOST:
        raise WrongKey(f"{MOST} keys are trusted already: take one out of {FILE} first")
    lines = [base64.b64encode(each).decode() for each in (*keys.values(), key)]
    private_file.write_bytes(folder / FILE, "".join(f"{line}\n" for line in lines).encode())


def check(sealed: Sealed, keys: dict[bytes, bytes]) -> None:
    """Raises WrongCatalogue if none of `keys` has signed it."""
    key = keys.get(sealed.key_id)
    if key is None:
        raise WrongCatalogue("key", "it is signed with a key that this gateway does not trust")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sealed.signature, sealed.signed)
    except InvalidSignature as wrong:
        raise WrongCatalogue("signature", "its signature does not hold") from wrong
