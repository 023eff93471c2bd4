"""The lesson survives what happens to the process and to its file; a disk that does not work costs only the memory."""

import asyncio
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from classroom_profiles.capability import Command, Target, Value
from classroom_profiles.model import Name
from classroom_profiles.profile import Need
from classroom_profiles.role import Role
from edge_agent.lesson import (
    Blocked,
    Lesson,
    LessonState,
    LessonStep,
    Skipped,
    StepError,
    StepState,
    from_json,
    to_json,
)
from edge_agent.lesson_store import LessonStore


def lesson(state: LessonState = LessonState.RUNNING, value: Value = True) -> Lesson:
    command = Command.parse("switch.fan", True)
    step = LessonStep(
        "fan.switch.fan", "fan", Role.VENTILATION, command, Command(Target.parse("level"), value), Need.REQUIRED,
        ("a", "b"), 20.0, 1, StepState.FAILED, 2, StepError("refused", "nó không chịu"), True,
    )  # fmt: skip
    return Lesson(
        "0123456789abcdef", "teach", 3, Name(vi="Bài giảng", en="Lecture"), state, 1_790_000_000_000_000, ("screen",),
        (step,), (Skipped(Role.SCREEN, None, command, "no-device"),),
        (Blocked(Role.LIGHTS, "lamp", command, "refused", "no"),), 4.2, True, True, LessonState.FAILED,
    )  # fmt: skip


@pytest.mark.parametrize("value", [True, 30.0, 7, "hdmi1", ""])
async def test_what_was_kept_is_found_again_in_every_field(tmp_path: Path, value: Value) -> None:
    kept = lesson(value=value)
    async with LessonStore(tmp_path / "lesson.sqlite") as store:
        assert await store.load() is None
        store.keep(kept)
        await store.durable()
    async with LessonStore(tmp_path / "lesson.sqlite") as store:
        assert await store.load() == kept
    assert stat.S_IMODE((tmp_path / "lesson.sqlite").stat().st_mode) == 0o600


async def test_of_many_the_newest_is_kept_and_closing_waits_for_it(tmp_path: Path) -> None:
    async with LessonStore(tmp_path / "lesson.sqlite") as store:
        for state in LessonState:
            store.keep(lesson(state))
    async with LessonStore(tmp_path / "lesson.sqlite") as store:
        found = await store.load()
        assert found is not None
        assert found.state is list(LessonState)[-1]
        await store.close()
        await store.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_damaged_file_is_put_aside_and_a_new_one_begun(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lesson.sqlite"
    for number in (1, 2):
        path.write_bytes(content)
        async with LessonStore(path) as store:
            assert await store.load() is None
            store.keep(lesson())
            await store.durable()
        async with LessonStore(path) as store:
            assert await store.load() == lesson()
        assert (tmp_path / f"lesson.sqlite.corrupt-{number}").read_bytes() == content
    assert "put aside" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"id": 1}', to_json(lesson())[:-20], b"\xff\xfe"])
async def test_a_lesson_that_cannot_be_read_is_put_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lesson.sqlite"
    async with LessonStore(path) as store:
        store.keep(lesson())
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE lesson SET content = ?", [content])
    connection.close()
    async with LessonStore(path) as store:
        assert await store.load() is None
    assert (tmp_path / "lesson.sqlite.corrupt-1").exists()
    with pytest.raises(ValueError, match="not a lesson"):
        from_json(content)


@pytest.mark.parametrize("place", ["a-folder", "a-file/lesson.sqlite"])
async def test_where_nothing_can_be_written_it_says_so_once_and_holds_up_nothing(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-file").touch()
    async with LessonStore(tmp_path / place) as store:
        assert await store.load() is None
        for state in LessonState:
            store.keep(lesson(state))
            await store.durable()
    assert caplog.text.count("a restart would not know of the lesson") == 1


async def test_a_disk_that_hangs_holds_up_a_lesson_no_longer_than_its_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hangs = threading.Event()

    def write(self: LessonStore) -> None:
        hangs.wait(30)

    monkeypatch.setattr(LessonStore, "_write", write)
    async with LessonStore(tmp_path / "lesson.sqlite", patience_s=0.01) as store:
        store.keep(lesson())
        await asyncio.wait_for(store.durable(), 10)
        assert "it takes too long" in caplog.text
        hangs.set()
