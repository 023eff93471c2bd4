"""What the centre publishes to a school's gateways: profiles and the timetable, as one signed document. Pure.

    sealed = b"LHC1" + key id (8 bytes) + Ed25519 signature (64 bytes) + payload
    payload = zstd of JSON: Bundle

The signature (RFC 8032) is over everything but itself, so it holds for the format, the key and each byte of the
payload. Whoever holds a key signs and checks; here is only where the bytes are. A bundle replaces the one before it
as a whole. Its serial only grows, so that nobody can bring an old one back.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import zstandard

from classroom_profiles.documents import parse_profile
from classroom_profiles.problem import DocumentError
from classroom_profiles.profile import Profile
from classroom_profiles.timetable import MOST_ENTRIES, Entry, WrongTimetable

MAGIC = b"LHC1"
MOST_BYTES = 256 * 1024
"""Sealed, as it travels; what is inside may be 16 times that."""
MOST_PROFILES = 200

_KEY_ID, _SIGNATURE = 8, 64
_HEADER = len(MAGIC) + _KEY_ID
_LEVEL = 19


class WrongCatalogue(ValueError):
    """It cannot be taken; `code` says why in a word, the text with its place."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ProfileText(msgspec.Struct, frozen=True):
    """A profile as its file is written."""

    id: str
    version: int
    text: str


class Bundle(msgspec.Struct, frozen=True):
    """All that holds for one school from now on."""

    school: str
    serial: int
    made_us: int
    profiles: tuple[ProfileText, ...] = ()
    timetable: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Sealed:
    """The parts of a sealed bundle, with nothing checked yet but their lengths."""

    key_id: bytes
    signature: bytes
    signed: bytes
    """What the signature is over."""
    payload: bytes


_bundle = msgspec.json.Decoder(Bundle, strict=True)


def key_id(public: bytes) -> bytes:
    """Which key it is: 8 bytes of BLAKE2b of the raw public key."""
    return hashlib.blake2b(public, digest_size=_KEY_ID).digest()


def seal(bundle: Bundle, public: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Raises WrongCatalogue if it is too large, or holds something that no gateway would take."""
    checked(bundle)
    payload = zstandard.compress(msgspec.json.encode(bundle, order="deterministic"), _LEVEL)
    header = MAGIC + key_id(public)
    sealed = header + sign(header + payload) + payload
    if len(sealed) > MOST_BYTES:
        raise WrongCatalogue("large", f"{len(sealed)} bytes are more than the {MOST_BYTES} that a gateway takes")
    return sealed


def parts(sealed: bytes) -> Sealed:
    """Raises WrongCatalogue."""
    if len(sealed) > MOST_BYTES:
        raise WrongCatalogue("large", f"{len(sealed)} bytes; at most {MOST_BYTES} are taken")
    if not sealed.startswith(MAGIC) or len(sealed) < _HEADER + _SIGNATURE:
        raise WrongCatalogue("format", "it is no catalogue that this version knows")
    header, payload = sealed[:_HEADER], sealed[_HEADER + _SIGNATURE :]
    return Sealed(header[len(MAGIC) :], sealed[_HEADER : _HEADER + _SIGNATURE], header + payload, payload)


def unpacked(payload: bytes) -> Bundle:
    """The bundle, once its signature was found to hold. Raises WrongCatalogue."""
    try:
        plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=16 * MOST_BYTES)
        return _bundle.decode(plain)
    except (zstandard.ZstdError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, MemoryError) as wrong:
        raise WrongCatalogue("format", "it cannot be read") from wrong


def checked(bundle: Bundle) -> tuple[Profile, ...]:
    """Its profiles, each as it says it is, and the timetable's entries looked at. Raises WrongCatalogue."""
    if len(bundle.profiles) > MOST_PROFILES:
        raise WrongCatalogue("profiles", f"{len(bundle.profiles)} profiles; at most {MOST_PROFILES}")
    if not 0 < bundle.serial < 2**53:
        raise WrongCatalogue("serial", "a serial is a positive number")
    if len(bundle.timetable) > MOST_ENTRIES:
        raise WrongCatalogue("timetable", f"{len(bundle.timetable)} entries; at most {MOST_ENTRIES}")
    found: dict[str, Profile] = {}
    for one in bundle.profiles:
        profile = _profile(one)
        if profile.id in found:
            raise WrongCatalogue("profiles", f"profile {profile.id} is in it twice")
        found[profile.id] = profile
    try:
        for entry in bundle.timetable:
            entry.check()
    except WrongTimetable as wrong:
        raise WrongCatalogue("timetable", str(wrong)) from wrong
    return tuple(found.values())


def _profile(one: ProfileText) -> Profile:
    try:
        profile = parse_profile(one.text.encode(), f"{one.id}.yaml")
    except (DocumentError, UnicodeEncodeError) as wrong:
        raise WrongCatalogue("profiles", str(wrong)) from wrong
    if (profile.id, profile.version) != (one.id, one.version):
        raise WrongCatalogue(
            "profiles", f"{one.id} {one.version} says of itself that it is {profile.id} {profile.version}"
        )
    return profile


def together(builtin: Sequence[Profile], published: Sequence[Profile]) -> tuple[Profile, ...]:
    """Those to show: a published profile in the place of the built-in one of its id, others after them."""
    by_id = {profile.id: profile for profile in published}
    first = tuple(by_id.pop(profile.id, profile) for profile in builtin)
    return first + tuple(by_id.values())
