"""What is published: versions that never change, bundles that change only when their content does."""

import stat
from datetime import datetime
from pathlib import Path

import pytest

from classroom_profiles import catalogue
from classroom_profiles.problem import DocumentError
from classroom_profiles.timetable import Entry
from cloud_ingest.catalogue.shelf import NotPublished, Shelf, ShelfUnavailable
from cloud_ingest.catalogue.signing_key import FILE as KEY_FILE
from cloud_ingest.catalogue.signing_key import SigningKey, WrongSigningKey, signing_key

LESSON = Entry("p1", "a101", "Vật lí", datetime(2026, 9, 7, 7, 15), 45)  # noqa: DTZ001 - local


def text(name: str = "quiet-reading", version: int = 1, level: int = 80) -> tuple[str, str]:
    return f"{name}.yaml", (
        f"id: {name}\nversion: {version}\nname: {{vi: Đọc sách, en: Quiet reading}}\n"
        f"description: {{vi: Đèn sáng., en: Lights on.}}\nsteps:\n  - {{role: lights, set: {{level: {level}}}}}\n"
    )


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path, create=True)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "catalogue.sqlite", lambda: 1_790_000_000_000_000)


def inside(sealed: bytes) -> catalogue.Bundle:
    return catalogue.unpacked(catalogue.parts(sealed).payload)


def test_a_bundle_has_the_newest_and_changes_only_with_its_content(shelf: Shelf, key: SigningKey) -> None:
    with shelf:
        assert shelf.bundle("le-loi", key) is None
        shelf.publish([text(), text("exam", 5)], "chief", note="new")
        first = shelf.bundle("le-loi", key)
        assert first is not None
        assert first == shelf.bundle("le-loi", key)
        assert (first.serial, first.is_sent) == (1_790_000_000, False)
        shelf.was_sent("le-loi", first.serial)
        again = shelf.bundle("le-loi", key)
        assert again is not None
        assert again.is_sent
        shelf.publish([text(version=2, level=10)], "chief")
        second = shelf.bundle("le-loi", key)
        assert second is not None
        assert (second.serial, second.is_sent) == (1_790_000_001, False)
        assert [(one.id, one.version) for one in inside(second.sealed).profiles] == [("exam", 5), ("quiet-reading", 2)]
        assert shelf.schools() == ["le-loi"]


def test_a_version_never_changes_and_a_school_has_its_own(shelf: Shelf, key: SigningKey) -> None:
    with shelf:
        shelf.publish([text()], "chief")
        shelf.publish([text()], "chief")  # the same again is no change
        with pytest.raises(NotPublished, match="write 'version: 2'"):
            shelf.publish([text(level=10)], "chief")
        with pytest.raises(DocumentError):
            shelf.publish([text("exam", 2), ("x.yaml", "id: x")], "chief")
        assert [one.id for one in shelf.profiles()] == ["quiet-reading"]  # all or none
        shelf.publish([text(version=7, level=5)], "chief", "le-loi")
        for school, version in (("le-loi", 7), ("other", 1)):
            bundle = shelf.bundle(school, key)
            assert bundle is not None
            assert [one.version for one in inside(bundle.sealed).profiles] == [version]
        assert len(shelf.profiles("other")) == 1


def test_what_was_withdrawn_is_gone_and_may_come_back(shelf: Shelf, key: SigningKey) -> None:
    with shelf:
        shelf.publish([text()], "chief")
        shelf.bundle("le-loi", key)
        shelf.withdraw("quiet-reading")
        with pytest.raises(NotPublished):
            shelf.withdraw("quiet-reading")
        bundle = shelf.bundle("le-loi", key)
        assert bundle is not None
        assert inside(bundle.sealed).profiles == ()  # told, so that gateways let go of it
        shelf.publish([text()], "chief")
        bundle = shelf.bundle("le-loi", key)
        assert bundle is not None
        assert len(inside(bundle.sealed).profiles) == 1


def test_a_timetable_is_put_in_the_place_of_the_one_before(shelf: Shelf, key: SigningKey) -> None:
    with shelf:
        shelf.put_timetable("le-loi", [LESSON, LESSON], "a.ics", "chief")
        shelf.put_timetable("le-loi", [LESSON], "b.ics", "chief")
        kept = shelf.timetable("le-loi")
        assert kept is not None
        assert (kept.entries, kept.source) == ((LESSON,), "b.ics")
        assert shelf.timetable("other") is None
        bundle = shelf.bundle("le-loi", key)
        assert bundle is not None
        assert inside(bundle.sealed).timetable == (LESSON,)


def test_another_key_seals_anew_with_a_higher_serial(shelf: Shelf, key: SigningKey, tmp_path: Path) -> None:
    with shelf:
        shelf.publish([text()], "chief")
        first = shelf.bundle("le-loi", key)
        second = shelf.bundle("le-loi", signing_key(tmp_path / "other", create=True))
        assert first is not None
        assert second is not None
        assert second.serial > first.serial


def test_a_key_is_made_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    with pytest.raises(WrongSigningKey, match="there is no"):
        signing_key(tmp_path)
    made = signing_key(tmp_path / "new", create=True)
    path = tmp_path / "new" / KEY_FILE
    assert signing_key(tmp_path / "new", create=True).written == made.written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in repr(made)
    path.chmod(0o644)
    with pytest.raises(WrongSigningKey, match="others can read"):
        signing_key(tmp_path / "new")
    path.chmod(0o600)
    path.write_text("nonsense")
    with pytest.raises(WrongSigningKey, match="is no key"):
        signing_key(tmp_path / "new")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, shelf: Shelf) -> None:
    with pytest.raises(ShelfUnavailable):
        shelf.schools()
    (tmp_path / "broken").write_bytes(b"no database at all" * 99)
    with pytest.raises(ShelfUnavailable), Shelf(tmp_path / "broken"):
        pass
