"""The city's snapshot: what the centre shows of each school, room, gateway and device, and to whom."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from classroom_profiles.telemetry import Measurement, Series
from cloud_ingest.accounts.who import Role, Who
from cloud_ingest.gateways import State
from cloud_ingest.operations.choosing import Wanted
from cloud_ingest.operations.city import City, NotFound, WrongQuestion
from cloud_ingest.operations.feed import LastValue
from cloud_ingest.operations.rows import Counts, Health
from cloud_ingest.store import SchoolTotals
from cloud_ingest.windows import FIVE_MINUTES_US, HOUR_US, Span
from tests.cloud_ingest.operations.a_city import DIRECTORY, HOA, LAN, Place, two_schools


async def test_shows_rooms_as_their_gateways_and_devices_say_they_are(place: Place) -> None:
    two_schools(place)
    async with place.city(DIRECTORY) as city:
        a101, a102 = city.rooms(LAN, Wanted(school="thcs-a")).rows
        projector = city.devices(LAN, Wanted(school="thcs-a", room="a102", role="projector")).rows[0]
        school = city.school(LAN, "thcs-a").row
    assert (a101.health, a101.condition, a101.faults, a101.devices) == (Health.WORKING, State.WORKING, 0, 2)
    assert (a102.health, a102.faults, a102.gateway) == (Health.FAULTY, 1, "gw-a102")
    assert (projector.says, projector.reason, projector.lamp_h) == ("fault", "lamp", 1200.0)
    assert school.by_health == Counts(faulty=1, working=1)
    assert (school.health, school.faults, school.name) == (Health.FAULTY, 1, "THCS Nguyễn Đình A")


async def test_a_school_that_only_the_directory_or_only_the_registry_knows_is_there(place: Place) -> None:
    two_schools(place)
    directory = {**DIRECTORY, "mn-sen": DIRECTORY["thcs-a"].__class__("mn-sen", "Mầm non Sen")}
    async with place.city(directory) as city:
        rows = {row.school: row for row in city.schools(LAN).rows}
    assert list(rows) == ["mn-sen", "thcs-a", "thcs-b", "thpt-z"]
    assert rows["mn-sen"].health is Health.UNKNOWN
    assert rows["thcs-b"].latitude is None
    assert rows["thcs-b"].name == "thcs-b"


@pytest.mark.parametrize(
    ("status", "state", "health", "reason"),
    [
        (b'{"state": "off"}', State.OFF, Health.OFF, "off"),
        (b'{"state": "offline"}', State.UNREACHABLE, Health.DOWN, "unreachable"),
        (b'{"state": "online", "clock": "untrusted"}', State.CLOCK_UNTRUSTED, Health.FAULTY, ""),
    ],
)
async def test_tells_off_unreachable_and_a_wrong_clock_apart(
    place: Place, status: bytes, state: State, health: Health, reason: str
) -> None:
    two_schools(place)
    async with place.city() as city:
        place.clock.now_us += 1_000_000
        place.say("thpt-z", "gw-z1", status)
        await city.refresh()
        room = city.room(LAN, "thpt-z", "z1")
        device = city.devices(LAN, Wanted(school="thpt-z", role="projector")).rows[0]
    assert (room.condition, room.health) == (state, health)
    assert (device.health, device.reason) == (health, reason)


async def test_a_gateway_becomes_silent_while_nothing_happens(place: Place) -> None:
    two_schools(place)
    async with place.city() as city:
        place.clock.now_us += 400_000_000
        await city.refresh()
        assert {row.state for row in city.gateways(LAN).rows} == {State.SILENT}
        assert {row.health for row in city.schools(LAN).rows} == {Health.DOWN}


async def test_what_has_not_changed_is_the_same_object(place: Place) -> None:
    two_schools(place)
    async with place.city(DIRECTORY) as city:
        before = city.snapshot
        assert (await city.refresh()).schools is before.schools
        place.measure("thpt-z", "z1", {("may-chieu", "projector", "health"): "unreachable"})
        place.clock.now_us += 1
        after = await city.refresh()
    assert (after.revision, after.map_revision) == (before.revision + 1, before.map_revision + 1)
    assert after.schools["thcs-a"] is before.schools["thcs-a"]
    assert after.schools["thpt-z"].row.faults == 1


async def test_a_new_time_alone_is_nothing_new_on_the_map(place: Place) -> None:
    two_schools(place)
    async with place.city(DIRECTORY) as city:
        before = city.snapshot
        place.clock.now_us += 1_000_000
        place.measure("thpt-z", "z1", {("may-chieu", "projector", "health"): "online"})
        after = await city.refresh()
    assert after.revision > before.revision
    assert after.map_revision == before.map_revision
    assert after.schools["thpt-z"].devices["z1"] is before.schools["thpt-z"].devices["z1"]


async def test_waits_for_the_next_change(place: Place) -> None:
    two_schools(place)
    async with place.city() as city:
        revision = city.snapshot.revision
        waiting = asyncio.create_task(city.changed(revision))
        await city.refresh()
        assert not waiting.done()
        place.measure("thpt-z", "z1", {("may-chieu", "projector", "health"): "fault"})
        await city.refresh()
        assert (await waiting).revision == revision + 1


async def test_a_lesson_is_shown_while_it_lasts(place: Place) -> None:
    two_schools(place)
    async with place.city() as city:
        place.tell_lesson("thcs-a", "a101", ("preflight", "video", None), ("ready", "video", 4.0))
        await city.refresh()
        assert city.room(LAN, "thcs-a", "a101").lesson == "video"
        assert [row.room for row in city.rooms(LAN, Wanted(lesson="video")).rows] == ["a101"]
        place.tell_lesson("thcs-a", "a101", ("undone", "video", None))
        await city.refresh()
        row = city.room(LAN, "thcs-a", "a101")
    assert (row.lesson, row.lesson_state) == ("", "undone")


async def test_a_schools_account_sees_that_school_only(place: Place) -> None:
    two_schools(place)
    async with place.city(DIRECTORY) as city:
        assert [row.school for row in city.schools(HOA).rows] == ["thcs-a"]
        assert {row.school for row in city.rooms(HOA).rows} == {"thcs-a"}
        assert {row.school for row in city.devices(HOA).rows} == {"thcs-a"}
        assert {row.school for row in city.gateways(HOA).rows} == {"thcs-a"}
        for ask in (city.schools, city.rooms, city.devices, city.gateways):
            with pytest.raises(NotFound):
                ask(HOA, Wanted(school="thpt-z"))
        with pytest.raises(NotFound):
            city.room(HOA, "thpt-z", "z1")
        span = Span(0, place.clock.now_us + 1)
        series = Series(Measurement.READING, "z1", "khong-khi", "air-sensor", "co2_ppm")
        for question in (
            city.live(HOA, "thpt-z", "z1"),
            city.latest(HOA, "thpt-z"),
            city.windows(HOA, "thpt-z", series, span, HOUR_US),
            city.points(HOA, "thpt-z", series, span, 10),
            city.gaps(HOA, "thpt-z", "z1", span),
        ):
            with pytest.raises(NotFound):
                await question
        assert [one.school for one in await city.by_school(HOA, "co2_ppm", span)] == ["thcs-a"]
        assert [one.school for one in await city.by_school_now(HOA, "co2_ppm", 0)] == ["thcs-a"]


async def test_somebody_of_a_school_that_is_not_there_sees_nothing(place: Place) -> None:
    two_schools(place)
    async with place.city() as city:
        assert city.schools(Who("x", Role.SCHOOL, "no-such")).rows == ()


async def test_finds_what_is_typed_without_marks(place: Place) -> None:
    two_schools(place)
    async with place.city(DIRECTORY) as city:
        assert [row.school for row in city.schools(LAN, Wanted(find="nguyen dinh")).rows] == ["thcs-a"]
        assert [row.school for row in city.schools(LAN, Wanted(find="thu duc")).rows] == ["thpt-z"]
        assert [row.room for row in city.rooms(LAN, Wanted(find="A102")).rows] == ["a102"]
        assert {row.device for row in city.devices(LAN, Wanted(find="chieu")).rows} == {"may-chieu"}
        assert city.rooms(LAN, Wanted(find="nothing like that")).total == 0


async def test_sorts_filters_and_pages(place: Place) -> None:
    two_schools(place)
    async with place.city(DIRECTORY) as city:
        page = city.rooms(LAN, Wanted(sort="faults", descending=True, limit=1))
        assert [row.room for row in page.rows] == ["a102"]
        assert (page.total, page.more) == (4, True)
        assert [r.room for r in city.rooms(LAN, Wanted(health=frozenset({Health.FAULTY}))).rows] == ["a102"]
        assert [r.school for r in city.schools(LAN, Wanted(sort="latitude", descending=True)).rows] == [
            "thpt-z", "thcs-a", "thcs-b",
        ]  # fmt: skip
        assert next(r.room for r in city.rooms(LAN, Wanted(sort="health")).rows) == "a102"
        with pytest.raises(WrongQuestion, match="one of school"):
            city.rooms(LAN, Wanted(sort="colour"))


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_pages_by_key_are_the_whole_each_row_once(place: Place, limit: int) -> None:
    two_schools(place)
    async with place.city() as city:
        every = [(row.school, row.room, row.device, row.role) for row in city.devices(LAN).rows]
        found, after = [], None
        while True:
            page = city.devices(LAN, Wanted(after=after, limit=limit, want_total=False))
            found += [(row.school, row.room, row.device, row.role) for row in page.rows]
            if not page.more:
                break
            after = found[-1]
    assert found == every


async def test_history_keeps_gaps_as_gaps(place: Place) -> None:
    two_schools(place)
    start_us = place.clock.now_us
    place.clock.now_us += HOUR_US
    place.measure("thpt-z", "z1", {("khong-khi", "air-sensor", "co2_ppm"): 700.0}, Measurement.READING)
    series = Series(Measurement.READING, "z1", "khong-khi", "air-sensor", "co2_ppm")
    async with place.city() as city:
        span = Span(start_us - HOUR_US, place.clock.now_us + 1)
        windows = await city.windows(LAN, "thpt-z", series, span, FIVE_MINUTES_US)
        assert [window.mean for window in windows] == [600.0, 700.0]
        assert [point.value for point in await city.points(LAN, "thpt-z", series, span, 10)] == [600.0, 700.0]
        assert [last.value for last in await city.live(LAN, "thpt-z", "z1") if last.metric == "co2_ppm"] == [700.0]
        reports = await city.gaps(LAN, "thpt-z", "z1", span, FIVE_MINUTES_US)
    assert [len(one.report.gaps) for one in reports if one.series.metric == "co2_ppm"] == [1]


async def test_goes_on_with_what_it_knows_while_a_place_is_away(place: Place) -> None:
    two_schools(place)

    def fail(_: int) -> None:
        raise OSError("the disk is away")

    async with place.city() as city:
        rooms = city.rooms(LAN).total
        feed = city._feed
        city._feed = _Broken()
        await city.refresh()
        assert city.troubles == ("the disk is away",)
        assert city.rooms(LAN).total == rooms
        city._feed = feed
        await city.refresh()
        assert not city.troubles


async def test_a_registry_that_is_deleted_is_said_and_another_is_followed(place: Place) -> None:
    two_schools(place)
    async with place.city() as city:
        _delete(place.path)
        await city.refresh()
        assert "there is no registry" in city.troubles[0]
        assert city.rooms(LAN).total == 4
        place.measure("thcs-new", "n1", {("khong-khi", "air-sensor", "health"): "online"})
        await city.refresh()
        assert not city.troubles
        assert [row.gateway for row in city.gateways(LAN).rows] == ["gw-n1"]


def _delete(path: Path) -> None:
    for behind in ("", "-wal", "-shm"):
        Path(f"{path}{behind}").unlink(missing_ok=True)


class _Broken:
    def latest(self, school: str, room: str | None = None) -> Sequence[LastValue]:
        raise OSError("the disk is away")

    def by_school(self, metric: str, since_us: int) -> Sequence[SchoolTotals]:
        raise OSError("the disk is away")

    def changed_since(self, revision: int) -> tuple[int, Sequence[LastValue]]:
        raise OSError("the disk is away")


async def test_a_city_without_a_registry_says_so_and_follows_it_once_it_is_there(place: Place) -> None:
    city = City(place.folder / "not-yet.sqlite", place.store, place.feed(), clock_us=place.clock, period_s=3600.0)
    async with city:
        assert "there is no registry" in city.troubles[0]
        assert city.schools(LAN).rows == ()
