"""A centre that publishes catalogues: a key of its own, and the packing of `classroom_profiles.catalogue`."""

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from classroom_profiles import catalogue
from classroom_profiles.catalogue import Bundle, ProfileText
from classroom_profiles.timetable import Entry

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PHYSICS = Entry("p1", "a101", "Vật lí 10", datetime(2026, 9, 7, 7, 15), 45, "show")  # noqa: DTZ001 - local


def written(key: Ed25519PrivateKey) -> str:
    """Its public half, as a technician is given it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def profile(name: str = "quiet-reading", version: int = 1, level: int = 80) -> ProfileText:
    text = (
        f"id: {name}\nversion: {version}\nname: {{vi: Đọc sách, en: Quiet reading}}\n"
        f"description: {{vi: Đèn sáng., en: Lights on.}}\nsteps:\n  - {{role: lights, set: {{level: {level}}}}}\n"
    )
    return ProfileText(name, version, text)


def sealed(
    serial: int, *profiles: ProfileText, school: str = "le-loi", key: Ed25519PrivateKey = KEY,
    timetable: tuple[Entry, ...] = (),
) -> bytes:  # fmt: skip
    bundle = Bundle(school, serial, 1_790_000_000_000_000, profiles, timetable)
    return catalogue.seal(bundle, key.public_key().public_bytes_raw(), key.sign)
