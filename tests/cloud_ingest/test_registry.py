"""The registry remembers what came in, however many workers write it and whatever becomes of its file."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Measurement, Run, Series
from classroom_profiles.topics import Address
from cloud_ingest.gaps import Spell
from cloud_ingest.gateways import State, condition
from cloud_ingest.registry import Registry, RegistryUnavailable, beside, made_beside
from cloud_ingest.store import Portion

NOW = 1_790_000_000_000_000
S = 1_000_000
GATEWAY = Address("thcs", "gw-1")


class Clock:
    def __init__(self) -> None:
        self.now_us = NOW

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.sqlite"


@pytest.fixture
def registry(path: Path, clock: Clock) -> Iterator[Registry]:
    with Registry(path, clock_us=clock, flush_s=3600.0) as registry:
        yield registry


def batch(*at_us: int, room: str = "a101", device: str = "co2") -> Portion:
    series = Series(Measurement.READING, room, device, "air", "co2_ppm")
    return Portion("thcs", [Run(series, False, [*at_us], [1.0] * len(at_us))])


def status(state: str, **more: object) -> bytes:
    return json.dumps({"state": state, **more}).encode()


def test_a_batch_names_gateway_rooms_and_devices(registry: Registry, clock: Clock) -> None:
    registry.on_batch(GATEWAY, batch(NOW - 5 * S, NOW - 4 * S))
    clock.now_us += S
    registry.on_batch(GATEWAY, batch(NOW - 3 * S, room="a102", device="lamp"))
    registry.flush()
    (gateway,) = registry.gateways()
    assert (gateway.school, gateway.name, gateway.rooms) == ("thcs", "gw-1", ("a101", "a102"))
    assert (gateway.heard_us, gateway.newest_us, gateway.points) == (NOW + S, NOW - 3 * S, 3)
    assert [(d.room, d.device, d.role, d.gateway) for d in registry.devices("thcs")] == [
        ("a101", "co2", "air", "gw-1"), ("a102", "lamp", "air", "gw-1")
    ]  # fmt: skip
    assert registry.devices("thcs", "a102")[0].device == "lamp"


def test_a_gateway_has_a_bounded_number_of_devices(
    registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_ingest.registry.DEVICES", 3)
    registry.on_batch(Address("thcs", "gw-2"), batch(NOW, device="of-another"))
    for number in range(5):
        clock.now_us += S
        registry.on_batch(GATEWAY, batch(NOW, device=f"device-{number}"))
        registry.flush()
    assert [one.device for one in registry.devices("thcs")] == ["device-2", "device-3", "device-4", "of-another"]


def test_a_status_is_kept_with_when_it_was_first_said(registry: Registry, clock: Clock) -> None:
    for _ in range(3):  # the broker repeats what it keeps, after each reconnection
        registry.on_status(GATEWAY, status("online", version="1.2", backlog_points=5))
        registry.flush()
        clock.now_us += 10 * S
    (gateway,) = registry.gateways()
    assert gateway.said is not None
    assert (gateway.said_us, gateway.said.version, gateway.said.backlog_points) == (NOW, "1.2", 5)


def test_spells_are_told_apart_however_often_each_is_said(registry: Registry, clock: Clock) -> None:
    for state, more in (
        ("online", {"backlog_points": 1}), ("online", {"backlog_points": 2}), ("offline", {}), ("offline", {}),
        ("online", {}), ("off", {}),
    ):  # fmt: skip
        registry.on_status(GATEWAY, status(state, **more))
        registry.flush()
        clock.now_us += S
    assert registry.spells("thcs", "gw-1") == [
        Spell(NOW, "online"), Spell(NOW + 2 * S, "unreachable"), Spell(NOW + 4 * S, "online"), Spell(NOW + 5 * S, "off")
    ]  # fmt: skip
    assert condition(registry.gateways()[0], clock.now_us).state is State.OFF


def test_workers_share_it(registry: Registry, path: Path, clock: Clock) -> None:
    with Registry(path, clock_us=clock, flush_s=3600.0) as other:
        for worker, seconds in ((registry, 1), (other, 9), (registry, 5)):
            clock.now_us = NOW + seconds * S
            worker.on_batch(GATEWAY, batch(NOW + seconds * S))
            worker.on_status(GATEWAY, status("online"))
            worker.flush()
        (gateway,) = other.gateways()
    assert (gateway.heard_us, gateway.newest_us, gateway.points, gateway.said_us) == (
        NOW + 9 * S,
        NOW + 9 * S,
        3,
        NOW + S,
    )
    assert len(registry.spells("thcs", "gw-1")) == 1


def test_it_is_there_after_it_was_opened_again(path: Path, clock: Clock) -> None:
    with Registry(path, clock_us=clock) as registry:
        registry.on_batch(GATEWAY, batch(NOW))
    with Registry(path, create=False) as reader:
        assert [gateway.points for gateway in reader.gateways("thcs")] == [1]
        assert reader.gateways("thpt") == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_its_own_thread_writes_it_down(path: Path) -> None:
    with Registry(path, flush_s=0.01) as registry:
        registry.on_batch(GATEWAY, batch(NOW))
        written = threading.Event()
        while not registry.gateways():
            written.wait(0.01)
        assert registry.gateways()[0].points == 1


def test_what_could_not_be_written_is_written_later(registry: Registry, path: Path, clock: Clock) -> None:
    registry.on_batch(GATEWAY, batch(NOW))
    registry.on_status(GATEWAY, status("online"))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("CREATE TRIGGER full BEFORE INSERT ON device BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(RegistryUnavailable, match="disk is full"):
        registry.flush()
    clock.now_us += S
    registry.on_batch(GATEWAY, batch(NOW + S, device="lamp"))
    blocker.execute("DROP TRIGGER full")
    blocker.close()
    registry.flush()
    (gateway,) = registry.gateways()
    assert (gateway.points, gateway.heard_us, gateway.said_us) == (2, NOW + S, NOW)
    assert [device.device for device in registry.devices("thcs")] == ["co2", "lamp"]


def test_what_is_no_status_changes_nothing(registry: Registry) -> None:
    registry.on_status(GATEWAY, b"\x00")
    registry.flush()
    assert registry.gateways() == []


def test_threads_may_tell_it_at_once(registry: Registry) -> None:
    def tell(number: int) -> None:
        for n in range(200):
            registry.on_batch(Address("thcs", f"gw-{n % 7}"), batch(NOW + n, device=f"d-{number}"))
            if n % 50 == 0:
                registry.flush()

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registry.flush()
    assert sum(gateway.points for gateway in registry.gateways()) == 800
    assert {device.device for device in registry.devices("thcs")} == {f"d-{n}" for n in range(4)}


def test_a_reader_makes_no_file(path: Path) -> None:
    with pytest.raises(RegistryUnavailable, match="there is no registry"):
        Registry(path, create=False).__enter__()
    assert not path.exists()


@pytest.mark.parametrize("create", [False, True])
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("something that someone wrote\n" * 100, encoding="utf-8")
    with pytest.raises(RegistryUnavailable):
        Registry(path, create=create).__enter__()
    assert path.read_text(encoding="utf-8").startswith("something")


def damage(path: Path, first: bytes | None = None) -> None:
    """All but the first page, or that one too."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes((first or path.read_bytes()[:4096]) + b"\xa5" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("first", [None, bytes(4096)])
def test_a_damaged_file_is_put_aside_and_another_begun(path: Path, clock: Clock, first: bytes | None) -> None:
    with Registry(path, clock_us=clock, flush_s=3600.0) as registry:
        registry.on_status(GATEWAY, status("online"))
    damage(path, first)
    with Registry(path, clock_us=clock, flush_s=3600.0) as registry:
        assert registry.gateways() == []
        registry.on_status(GATEWAY, status("off"))
        registry.flush()
        assert len(registry.gateways()) == 1
    assert b"\xa5" * 4096 in Path(f"{path}.corrupt-1").read_bytes()


def test_a_file_that_is_damaged_in_use_is_put_aside_and_nothing_that_comes_in_is_missed(
    registry: Registry, path: Path
) -> None:
    registry.on_status(GATEWAY, status("online"))
    registry.flush()
    damage(path)
    registry.on_status(GATEWAY, status("off"))
    with pytest.raises(RegistryUnavailable):
        registry.flush()
    registry.flush()
    assert [spell.what for spell in registry.spells("thcs", "gw-1")] == ["off"]
    assert Path(f"{path}.corrupt-1").exists()


def test_a_file_that_was_taken_away_is_begun_anew_and_its_readers_follow(registry: Registry, path: Path) -> None:
    registry.on_status(GATEWAY, status("online"))
    registry.flush()
    with Registry(path, create=False) as reader:
        assert len(reader.gateways()) == 1
        for behind in ("", "-wal", "-shm"):
            Path(f"{path}{behind}").unlink()
        registry.on_status(GATEWAY, status("off"))
        registry.on_status(Address("thcs", "gw-2"), status("online"))
        registry.flush()
        assert len(reader.gateways()) == 2


def test_only_the_users_own_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert made_beside("influx1://host/db").parent == tmp_path / "state" / "lophoc"
    assert (tmp_path / "state" / "lophoc").stat().st_mode & 0o777 == 0o700
    path = made_beside(f"sqlite:///{tmp_path / 'none' / 'store.sqlite'}")
    with pytest.raises(RegistryUnavailable, match="No such file"):
        Registry(path).__enter__()
    assert not path.parent.exists()


def test_it_is_beside_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert beside("sqlite:////srv/store.sqlite?raw_days=30") == Path("/srv/store.sqlite.registry")
    one, other = (beside(f"influx1://host:8086/{name}") for name in ("lophoc", "other"))
    assert one != other
    assert one.parent == Path("/var/state/lophoc")


def test_a_gateway_that_flaps_for_ever_does_not_fill_the_disk(
    registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_ingest.registry._SPELLS", 4)
    for turn in range(20):
        clock.now_us += S
        registry.on_status(GATEWAY, status("online" if turn % 2 else "offline"))
        registry.flush()
    spells = registry.spells("thcs", "gw-1")
    assert [spell.since_us for spell in spells] == [NOW + turn * S for turn in range(17, 21)]
