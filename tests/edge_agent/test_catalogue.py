"""What the centre publishes, on the gateway: taken or refused, applied at a safe moment, and kept through anything."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from classroom_profiles.documents import builtin_profiles
from classroom_profiles.telemetry import Point
from edge_agent import trusted_keys
from edge_agent.catalogue import FOLDER, INCOMING, Catalogue, Standing
from edge_agent.trusted_keys import FILE, WrongKey, trust, trusted
from tests.edge_agent.published import KEY, OTHER, PHYSICS, profile, sealed, written

BUILTIN = tuple(one.id for one in builtin_profiles())


async def until(holds: Callable[[], bool]) -> None:
    """Files are written by threads: there is no event to wait for."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


@dataclass
class Gateway:
    """A catalogue with a data directory that outlives it."""

    data: Path
    is_safe: bool = True
    now_us: int = 1_790_000_000_000_000
    changes: int = 0
    points: dict[str, object] = field(default_factory=dict)

    def made(self) -> Catalogue:
        def record(points: Iterable[Point]) -> None:
            self.points |= {point.series.metric: point.value for point in points}

        def changed() -> None:
            self.changes += 1

        one = Catalogue(
            self.data, "le-loi", builtin_profiles(), is_safe=lambda: self.is_safe, record=record, changed=changed,
            place=("a101", "gw"), clock_us=lambda: self.now_us, look_s=0.02,
        )  # fmt: skip
        one.load()
        return one

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Catalogue]:
        one = self.made()
        task = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    trust(tmp_path, written(KEY))
    return Gateway(tmp_path)


async def test_it_is_applied_told_and_kept_for_the_next_start(gateway: Gateway) -> None:
    async with gateway.running() as one:
        assert tuple(one.profiles) == BUILTIN
        one.take(sealed(7, profile(), profile("exam", 9), timetable=(PHYSICS,)))
        await until(lambda: one.standing == Standing(7, 0, ""))
        assert (*one.profiles,) == (*BUILTIN, "quiet-reading")
        assert one.profiles["exam"].version == 9
        assert one.timetable == (PHYSICS,)
        await until(lambda: gateway.points.get("catalogue") == 7.0)
    assert gateway.changes == 1
    again = gateway.made()
    assert (again.standing, again.timetable) == (Standing(7, 0, ""), (PHYSICS,))
    files = list((gateway.data / FOLDER).iterdir())
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


async def test_it_waits_for_the_end_of_a_lesson_also_through_a_restart(gateway: Gateway) -> None:
    gateway.is_safe = False
    async with gateway.running() as one:
        one.take(sealed(7, profile()))
        await until(lambda: one.standing == Standing(0, 7, ""))
        assert tuple(one.profiles) == BUILTIN
        await until(lambda: gateway.points.get("catalogue_staged") == 7.0)
    async with gateway.running() as one:
        assert one.standing == Standing(0, 7, "")
        gateway.is_safe = True
        await until(lambda: one.standing == Standing(7, 0, ""))


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("format", b"no catalogue"),
        ("key", sealed(8, profile(), key=OTHER)),
        ("signature", sealed(8, profile())[:-1] + b"x"),
        ("school", sealed(8, profile(), school="other")),
        ("old", sealed(6, profile())),
        ("large", b"LHC1" + bytes(300_000)),
    ],
)
async def test_what_is_not_taken_changes_nothing_and_is_told(gateway: Gateway, code: str, content: bytes) -> None:
    async with gateway.running() as one:
        one.take(sealed(7, profile()))
        await until(lambda: one.standing.serial == 7)
        one.take(content)
        await until(lambda: gateway.points.get("catalogue_problem") == code)
        assert one.standing == Standing(7, 0, code)
        assert "quiet-reading" in one.profiles
        one.take(sealed(8))
        await until(lambda: one.standing == Standing(8, 0, ""))
        assert "quiet-reading" not in one.profiles  # a bundle replaces the one before it as a whole


async def test_the_same_again_is_nothing_new(gateway: Gateway) -> None:
    async with gateway.running() as one:
        for _ in range(3):
            one.take(sealed(7, profile()))
            await until(lambda: one.standing.serial == 7)
    assert gateway.changes == 1


async def test_a_technicians_file_does_the_same_without_internet(gateway: Gateway) -> None:
    (gateway.data / FOLDER).mkdir()
    (gateway.data / FOLDER / INCOMING).write_bytes(sealed(3, profile()))
    async with gateway.running() as one:
        await until(lambda: one.standing == Standing(3, 0, ""))
        assert not (gateway.data / FOLDER / INCOMING).exists()


async def test_what_the_disk_has_changed_is_no_catalogue_and_the_one_before_holds(gateway: Gateway) -> None:
    async with gateway.running() as one:
        for serial in (7, 8):
            one.take(sealed(serial, profile(version=serial)))
            await until(lambda: one.standing.serial == serial)  # noqa: B023 - waited for within the turn
    current = gateway.data / FOLDER / "current"
    current.write_bytes(current.read_bytes()[:-3])
    again = gateway.made()
    assert (again.standing.serial, again.profiles["quiet-reading"].version) == (7, 7)
    assert again.standing.problem == "signature"
    (gateway.data / FOLDER / "previous").write_bytes(b"")
    assert tuple(gateway.made().profiles) == BUILTIN


@pytest.mark.parametrize("renamed", [0, 1])
async def test_a_power_cut_between_the_two_renames_loses_nothing(gateway: Gateway, renamed: int) -> None:
    async with gateway.running() as one:
        one.take(sealed(7, profile(version=7)))
        await until(lambda: one.standing.serial == 7)
        gateway.is_safe = False
        one.take(sealed(8, profile(version=8)))
        await until(lambda: one.standing.staged == 8)
    folder = gateway.data / FOLDER
    if renamed:
        (folder / "current").replace(folder / "previous")
    gateway.is_safe = True
    async with gateway.running() as one:
        await until(lambda: one.standing == Standing(8, 0, ""))


async def test_a_key_that_is_no_longer_trusted_takes_its_catalogue_with_it(gateway: Gateway) -> None:
    async with gateway.running() as one:
        one.take(sealed(7, profile()))
        await until(lambda: one.standing.serial == 7)
    (gateway.data / FILE).write_text(written(OTHER) + "  # the new one\n")
    again = gateway.made()
    assert (again.standing.serial, again.standing.problem) == (0, "key")
    assert tuple(again.profiles) == BUILTIN


async def test_a_disk_that_takes_nothing_is_told_and_the_old_one_holds(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with gateway.running() as one:
        one.take(sealed(7, profile()))
        await until(lambda: one.standing.serial == 7)
        monkeypatch.setattr("edge_agent.private_file.write_bytes", full)
        one.take(sealed(8))
        await until(lambda: one.standing == Standing(7, 0, "disk"))


def test_keys_are_trusted_one_by_one_and_wrong_ones_name_their_line(tmp_path: Path) -> None:
    assert trusted(tmp_path) == {}
    for _ in range(2):
        trust(tmp_path, f" {written(KEY)}\n")
    trust(tmp_path, written(OTHER))
    assert len(trusted(tmp_path)) == 2
    for wrong in ("", "x" * 44, written(KEY)[:-4], "đ"):
        with pytest.raises(WrongKey):
            trust(tmp_path, wrong)
    (tmp_path / FILE).write_text(f"# ours\n{written(KEY)} # since 2026\nnonsense\n")
    with pytest.raises(WrongKey, match=f"{FILE}:3: a key is 44"):
        trusted(tmp_path)


def test_no_more_keys_than_anybody_looks_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_keys, "MOST", 1)
    trust(tmp_path, written(KEY))
    with pytest.raises(WrongKey, match="take one out"):
        trust(tmp_path, written(OTHER))
