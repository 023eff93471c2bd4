"""What the centre publishes: sealed, opened, and nothing taken that was changed on the way."""

from datetime import datetime

import pytest
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_profiles import catalogue
from classroom_profiles.catalogue import Bundle, ProfileText, WrongCatalogue
from classroom_profiles.documents import builtin_profiles
from classroom_profiles.timetable import Entry

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
TEXT = """
id: quiet-reading
version: 3
name: {vi: Đọc sách, en: Quiet reading}
description: {vi: Đèn sáng., en: Lights on.}
steps:
  - {role: lights, set: {level: 80}}
"""
READING = ProfileText("quiet-reading", 3, TEXT)
STARTS = datetime(2026, 9, 7, 7, 15)  # noqa: DTZ001 - local on purpose
BUNDLE = Bundle("le-loi", 7, 1_790_000_000_000_000, (READING,), (Entry("p1", "a101", "Vật lí", STARTS, 45, "lecture"),))
SEALED = catalogue.seal(BUNDLE, PUBLIC, KEY.sign)


def holds(sealed: bytes) -> Bundle:
    """As a gateway reads it."""
    found = catalogue.parts(sealed)
    if found.key_id != catalogue.key_id(PUBLIC):
        raise WrongCatalogue("key", "another key")
    KEY.public_key().verify(found.signature, found.signed)
    bundle = catalogue.unpacked(found.payload)
    catalogue.checked(bundle)
    return bundle


def test_what_was_sealed_is_what_comes_out() -> None:
    assert holds(SEALED) == BUNDLE
    assert catalogue.parts(SEALED).key_id == catalogue.key_id(PUBLIC)
    assert catalogue.seal(BUNDLE, PUBLIC, KEY.sign) == SEALED  # the same bytes for the same content
    assert [profile.id for profile in catalogue.checked(BUNDLE)] == ["quiet-reading"]


@settings(max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found_out(place: int, change: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= change
    with pytest.raises((WrongCatalogue, InvalidSignature)):
        holds(bytes(changed))


@given(st.binary(max_size=400))
def test_whatever_comes_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(WrongCatalogue):
        catalogue.unpacked(catalogue.parts(catalogue.MAGIC + content).payload)
    with pytest.raises(WrongCatalogue):
        catalogue.parts(content)


@pytest.mark.parametrize(
    ("code", "bundle"),
    [
        ("profiles", Bundle("s", 1, 1, (READING, READING))),
        ("profiles", Bundle("s", 1, 1, (ProfileText("quiet-reading", 4, TEXT),))),
        ("profiles", Bundle("s", 1, 1, (ProfileText("x", 1, "id: x\nsteps: 1"),))),
        ("profiles", Bundle("s", 1, 1, (ProfileText("x", 1, "\ud800"),))),
        ("profiles", Bundle("s", 1, 1, (READING,) * 201)),
        ("serial", Bundle("s", 0, 1)),
        ("timetable", Bundle("s", 1, 1, (), (Entry("x", "A 1", "", STARTS, 45),))),
        ("timetable", Bundle("s", 1, 1, (), BUNDLE.timetable * 5001)),
    ],
)
def test_nothing_is_sealed_that_no_gateway_would_take(code: str, bundle: Bundle) -> None:
    with pytest.raises(WrongCatalogue) as wrong:
        catalogue.seal(bundle, PUBLIC, KEY.sign)
    assert wrong.value.code == code


def test_too_much_is_not_unpacked() -> None:
    bomb = zstandard.compress(b" " * 300_000_000)
    with pytest.raises(WrongCatalogue):
        catalogue.unpacked(bomb)
    with pytest.raises(WrongCatalogue) as wrong:
        catalogue.parts(bytes(catalogue.MOST_BYTES + 1))
    assert wrong.value.code == "large"


def test_a_published_profile_takes_the_place_of_the_built_in_one() -> None:
    lecture = builtin_profiles()[0].model_copy(update={"version": 99})
    mine = catalogue.checked(BUNDLE)[0]
    shown = catalogue.together(builtin_profiles(), (mine, lecture))
    assert (shown[0].version, shown[-1].id, len(shown)) == (99, "quiet-reading", len(builtin_profiles()) + 1)
