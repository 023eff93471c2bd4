"""A regional outage is one alarm, with the right cause, and clears by itself; so is whatever else happens to many."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_ingest.alarms.alarm import Everything, Severity
from cloud_ingest.alarms.centre_alarms import Centre
from cloud_ingest.alarms.inbox import Alarms
from cloud_ingest.alarms.rules_file import builtin_rules
from cloud_ingest.gateways import Gateway, Said
from tests.cloud_ingest.alarms.alarm_city import LOST, ONLINE, Desk, S, gateway


class City:
    """Gateways that are heard of every ten seconds, as the registry has them every five."""

    def __init__(self, schools: int, gateways: int) -> None:
        self.desk = Desk(builtin_rules(), wards={f"school-{n:04}": f"Phường {n % 160}" for n in range(schools)})
        now_us = self.desk.now_us
        self.fleet: dict[tuple[str, str], Gateway] = {
            (f"school-{s:04}", f"room-{g}"): gateway(f"school-{s:04}", f"room-{g}", now_us)
            for s in range(schools)
            for g in range(gateways)
        }
        self.quiet: set[tuple[str, str]] = set()
        self.heard()

    def of(self, schools: range) -> list[tuple[str, str]]:
        names = {f"school-{s:04}" for s in schools}
        return [name for name in self.fleet if name[0] in names]

    def lose(self, names: list[tuple[str, str]]) -> None:
        for name in names:
            self.fleet[name] = replace(self.fleet[name], said=LOST, said_us=self.desk.now_us)

    def silence(self, names: list[tuple[str, str]]) -> None:
        """They send nothing more, and the broker says nothing either."""
        self.quiet = set(names)

    def find(self, names: list[tuple[str, str]]) -> None:
        for name in names:
            self.fleet[name] = replace(self.fleet[name], said=ONLINE, said_us=self.desk.now_us)

    def heard(self) -> None:
        now_us = self.desk.now_us
        for name, one in self.fleet.items():
            if one.said is not LOST and name not in self.quiet:
                self.fleet[name] = Gateway(*name, one.said, one.said_us, now_us, now_us, 1, ())
        self.desk.feed(gateways=list(self.fleet.values()))

    def wait(self, seconds: int, step_s: int = 5) -> None:
        for _ in range(seconds // step_s):
            self.desk.now_us += step_s * S
            self.heard()


def test_a_school_router_that_dies_is_one_alarm() -> None:
    city = City(20, 30)
    city.lose(city.of(range(3, 4)))
    city.wait(200, 10)
    assert city.desk.raised == 1
    (alarm,) = city.desk.holding.values()
    assert (alarm.school, alarm.cause_of, alarm.severity) == ("school-0003", 30, Severity.MAJOR)
    assert "its router" in alarm.text_en
    assert "router" in alarm.text_vi
    city.find(city.of(range(3, 4)))
    city.wait(150, 10)
    assert city.desk.holding == {}


def test_one_gateway_is_one_alarm_and_says_which() -> None:
    city = City(5, 30)
    city.lose([("school-0002", "room-7")])
    city.wait(200, 10)
    (alarm,) = city.desk.holding.values()
    assert (alarm.school, alarm.gateway, alarm.cause_of) == ("school-0002", "room-7", 1)
    assert "school-0002/room-7" in alarm.text_en


@pytest.mark.parametrize(("over_s", "seed"), [(0, 1), (60, 2), (240, 4)])
def test_many_schools_that_vanish_are_one_incident_and_it_clears_by_itself(over_s: int, seed: int) -> None:
    city, dice, schools = City(120, 3), random.Random(seed), 40
    names = city.of(range(schools))
    dice.shuffle(names)
    share = len(names) if over_s == 0 else -(-len(names) * 5 // over_s)
    while names:
        city.lose(names[:share])
        del names[:share]
        city.wait(5)
    city.wait(300, 10)
    assert city.desk.raised < 5
    (top,) = city.desk.holding.values()
    assert top.severity is Severity.CRITICAL
    assert len(top.schools) == schools
    assert f"{schools} schools out of reach at once" in top.text_en
    back = city.of(range(schools))
    dice.shuffle(back)
    while back:
        city.find(back[:20])
        del back[:20]
        city.wait(5)
    city.wait(300, 10)
    assert city.desk.holding == {}
    assert city.desk.raised < 5


def test_if_nearly_all_vanish_it_is_the_centres_own_side() -> None:
    city = City(100, 4)
    city.lose(city.of(range(97)))
    city.wait(200, 10)
    (top,) = city.desk.holding.values()
    assert "the centre's own broker" in top.text_en
    assert "chính trung tâm" in top.text_vi


def test_schools_that_were_dead_before_are_no_part_of_it() -> None:
    city = City(90, 3)
    city.lose(city.of(range(3)))
    city.wait(600, 10)
    assert len(city.desk.holding) == 3
    city.lose(city.of(range(10, 80)))
    city.wait(300, 10)
    top = max(city.desk.holding.values(), key=lambda each: each.severity)
    assert len(top.schools) == 70
    assert len(city.desk.holding) == 4


def test_a_school_that_stays_away_gets_its_own_alarm_when_the_others_are_back() -> None:
    city = City(90, 3)
    city.lose(city.of(range(70)))
    city.wait(300, 10)
    city.find(city.of(range(1, 70)))
    city.wait(400, 10)
    (alarm,) = city.desk.holding.values()
    assert alarm.school == "school-0000"


def test_a_region_that_flaps_is_one_alarm() -> None:
    city = City(90, 3)
    for _ in range(8):
        city.lose(city.of(range(60)))
        city.wait(60, 10)
        city.find(city.of(range(60)))
        city.wait(60, 10)
    assert city.desk.raised == 1
    city.wait(4000, 20)
    assert city.desk.holding == {}


def test_a_school_that_flaps_is_one_alarm() -> None:
    city = City(10, 10)
    for _ in range(10):
        city.lose(city.of(range(1)))
        city.wait(20)
        city.find(city.of(range(1)))
        city.wait(40)
    assert city.desk.raised == 1
    city.wait(4000, 20)
    assert city.desk.holding == {}


def test_off_is_no_alarm() -> None:
    city = City(10, 10)
    for name in city.of(range(5)):
        city.fleet[name] = replace(city.fleet[name], said=Said("off"), said_us=city.desk.now_us)
    city.quiet = set(city.of(range(5)))
    city.wait(600, 10)
    assert city.desk.raised == 0


def test_silence_of_many_is_one_incident_too() -> None:
    city = City(100, 4)
    city.silence(city.of(range(40)))
    city.wait(600, 10)
    assert city.desk.raised == 1
    assert len(next(iter(city.desk.holding.values())).schools) == 40


def test_while_the_centre_is_blind_nobody_is_silent() -> None:
    city = City(100, 4)
    city.silence(city.of(range(100)))
    for _ in range(200):
        city.desk.now_us += 5 * S
        city.desk.feed(gateways=list(city.fleet.values()), centre=Centre(broker=False))
    (alarm,) = city.desk.holding.values()
    assert alarm.rule == "centre"
    assert "its own broker" in alarm.text_en
    city.quiet = set()
    for _ in range(10):
        city.desk.now_us += 5 * S
        city.desk.feed(centre=Centre())
        city.heard()
    assert city.desk.holding == {}
    assert city.desk.raised == 1


def test_a_restart_in_the_middle_neither_doubles_nor_forgets() -> None:
    city = City(100, 3)
    city.lose(city.of(range(40)))
    for _ in range(60):
        city.wait(5)
        city.desk.restart()
    assert city.desk.raised == 1
    assert len(city.desk.holding) == 1
    city.find(city.of(range(40)))
    city.wait(10)
    city.desk.restart()
    city.wait(300, 10)
    assert city.desk.holding == {}
    assert city.desk.raised == 1


def test_an_hour_of_the_centre_being_down_accuses_nobody() -> None:
    city = City(50, 4)
    city.wait(60, 10)
    city.desk.now_us += 3600 * S
    city.desk.restart()
    city.desk.feed(gateways=list(city.fleet.values()))  # nobody was heard of for an hour
    city.wait(600, 10)
    assert city.desk.raised == 0


def test_a_school_that_is_muted_does_not_mute_the_incident_it_is_in(tmp_path: Path) -> None:
    """Works at one school are muted until tomorrow; then sixty vanish, and come back but for that one."""
    city, who = City(90, 3), Everything()
    city.lose(city.of(range(1)))
    city.wait(200, 10)
    with Alarms(tmp_path / "alarms.sqlite", create=True, clock_us=lambda: city.desk.now_us) as inbox:
        inbox.apply(city.desk.found)
        number = inbox.list(who).alarms[0].id
        inbox.mute(who, number, city.desk.now_us + 86_400 * S)
        city.desk.found.clear()
        city.find(city.of(range(1)))
        city.wait(150, 10)
        city.lose(city.of(range(60)))
        city.wait(200, 10)
        inbox.apply(city.desk.found)
        (top,) = inbox.list(who).alarms
        assert (top.in_schools, top.muted_until_us) == (60, None)
        city.desk.found.clear()
        city.find(city.of(range(1, 60)))
        city.wait(300, 10)
        inbox.apply(city.desk.found)
        (left,) = inbox.list(who).alarms
        assert left.school == "school-0000"
        assert left.muted_until_us is not None
