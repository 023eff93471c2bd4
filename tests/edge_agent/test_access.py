"""Sessions and wrong PINs, on a clock that the test turns."""

import asyncio
import logging
from pathlib import Path

import pytest

from edge_agent.access import SESSION_S, Access, TooManyTries, WrongPin
from edge_agent.known_places import KnownPlaces
from edge_agent.pins import FILE, Pins, set_pin
from edge_agent.rank import Rank

TEACHER, TECHNICIAN = "2468", "135791"
WALL, PHONE = "192.0.2.10", "192.0.2.20"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(tmp_path: Path, clock: Clock) -> Access:
    return Access(
        Pins(tmp_path / FILE, {"LOPHOC_TEACHER_PIN": TEACHER, "LOPHOC_TECHNICIAN_PIN": TECHNICIAN}), True, clock
    )


async def wrong(access: Access, address: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(WrongPin):
            await access.log_in("0000", address)


@pytest.mark.parametrize(("pin", "rank"), [(TEACHER, Rank.TEACHER), (TECHNICIAN, Rank.TECHNICIAN)])
async def test_a_pin_gives_its_rank_until_nobody_used_it_for_long(
    access: Access, clock: Clock, pin: str, rank: Rank
) -> None:
    token, standing = await access.log_in(pin, WALL)
    assert (standing.rank, standing.expires_s) == (rank, SESSION_S)
    clock.now_s += SESSION_S - 1
    assert access.standing(token).rank is rank
    assert access.standing(token).expires_s == pytest.approx(1)
    clock.now_s += 1
    assert access.standing(token).rank is Rank.VIEWER
    assert access.standing(token).expires_s is None


async def test_use_renews_a_session_and_looking_does_not(access: Access, clock: Clock) -> None:
    token, _ = await access.log_in(TEACHER, WALL)
    clock.now_s += 600
    access.renew(token)
    clock.now_s += 600
    assert access.standing(token).rank is Rank.TEACHER
    clock.now_s += 400
    assert access.standing(token).rank is Rank.VIEWER
    access.renew(token)
    assert access.standing(token).rank is Rank.VIEWER, "what has ended does not come back"


@pytest.mark.parametrize(("open_view", "anyone"), [(True, Rank.VIEWER), (False, Rank.OPEN)])
@pytest.mark.parametrize("token", [None, "", "guessed", "x" * 10_000, "không"])
def test_who_has_no_session_is_anyone(tmp_path: Path, open_view: bool, anyone: Rank, token: str | None) -> None:
    access = Access(Pins(tmp_path / FILE, {}), open_view)
    assert access.standing(token).rank is anyone
    access.renew(token)
    access.log_out(token)
    assert access.standing(token).rank is anyone


async def test_logging_out_ends_one_session_only(access: Access) -> None:
    one, _ = await access.log_in(TEACHER, WALL)
    other, _ = await access.log_in(TEACHER, PHONE)
    access.log_out(one)
    assert access.standing(one).rank is Rank.VIEWER
    assert access.standing(other).rank is Rank.TEACHER


async def test_a_changed_pin_ends_the_sessions_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / FILE
    set_pin(file, Rank.TEACHER, TEACHER)
    set_pin(file, Rank.TECHNICIAN, TECHNICIAN)
    access = Access(Pins(file, {}), True)
    teacher, _ = await access.log_in(TEACHER, WALL)
    technician, _ = await access.log_in(TECHNICIAN, WALL)
    set_pin(file, Rank.TEACHER, "9999")
    assert access.standing(teacher).rank is Rank.VIEWER
    assert access.standing(technician).rank is Rank.TECHNICIAN


async def test_a_spoiled_file_lets_nobody_in_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / FILE
    set_pin(file, Rank.TEACHER, TEACHER)
    access = Access(Pins(file, {}), True)
    token, _ = await access.log_in(TEACHER, WALL)
    file.write_text("{}}")
    assert not access.pins_set
    assert access.standing(token).rank is Rank.VIEWER
    with pytest.raises(WrongPin):
        await access.log_in(TEACHER, WALL)
    assert "cannot be read" in caplog.text


async def test_after_five_wrong_pins_an_address_waits_and_even_the_right_one_is_not_looked_at(access: Access) -> None:
    await wrong(access, PHONE, 5)
    with pytest.raises(TooManyTries) as refused:
        await access.log_in(TEACHER, PHONE)
    assert 1 <= refused.value.wait_s <= 60
    assert (await access.log_in(TEACHER, WALL))[1].rank is Rank.TEACHER, "other addresses need not"


async def test_tries_at_the_same_moment_are_counted_like_any_others(access: Access) -> None:
    answers = await asyncio.gather(*(access.log_in("0000", PHONE) for _ in range(20)), return_exceptions=True)
    assert [type(answer) for answer in answers].count(WrongPin) == 5
    assert [type(answer) for answer in answers].count(TooManyTries) == 15


async def test_one_who_knows_a_pin_cannot_go_on_guessing_the_other(access: Access) -> None:
    await wrong(access, PHONE, 4)
    await access.log_in(TEACHER, PHONE)
    await wrong(access, PHONE, 1)
    with pytest.raises(TooManyTries):
        await access.log_in("0001", PHONE)


async def test_many_addresses_are_slowed_down_together_but_not_the_wall_panel(access: Access) -> None:
    await access.log_in(TEACHER, WALL)
    for number in range(20):
        await wrong(access, f"198.51.100.{number}", 1)
    with pytest.raises(TooManyTries):
        await access.log_in(TEACHER, "198.51.100.99")
    assert (await access.log_in(TEACHER, WALL))[1].rank is Rank.TEACHER


async def test_the_wall_panel_stays_known_when_the_agent_is_restarted(tmp_path: Path) -> None:
    pins, file = Pins(tmp_path / FILE, {"LOPHOC_TEACHER_PIN": TEACHER}), tmp_path / "known.json"
    await Access(pins, True, known=KnownPlaces(file)).log_in(TEACHER, WALL)
    again = Access(pins, True, known=KnownPlaces(file))
    assert (again.knows(None, WALL), again.knows(None, PHONE)) == (True, False)
    for number in range(20):
        await wrong(again, f"198.51.100.{number}", 1)
    with pytest.raises(TooManyTries):
        await again.log_in(TEACHER, PHONE)
    assert (await again.log_in(TEACHER, WALL))[1].rank is Rank.TEACHER


async def test_all_addresses_of_one_ipv6_network_are_one(access: Access) -> None:
    for number in range(5):
        await wrong(access, f"2001:db8::{number + 1:x}", 1)
    with pytest.raises(TooManyTries):
        await access.log_in("0000", "2001:db8::ffff:1")
    await wrong(access, "::ffff:192.0.2.77", 5)
    with pytest.raises(TooManyTries):
        await access.log_in("0000", "192.0.2.77")


async def test_no_pin_is_ever_in_the_log(access: Access, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(WrongPin):
        await access.log_in("86420864", PHONE)
    await access.log_in(TECHNICIAN, PHONE)
    assert PHONE in caplog.text
    assert "86420864" not in caplog.text
    assert TECHNICIAN not in caplog.text


async def test_no_number_of_sessions_fills_the_memory(access: Access) -> None:
    tokens = [(await access.log_in(TEACHER, WALL))[0] for _ in range(70)]
    alive = [token for token in tokens if access.standing(token).rank is Rank.TEACHER]
    assert alive == tokens[-64:]


def test_each_rank_may_what_the_ones_before_it_may() -> None:
    ranks = [Rank.OPEN, Rank.VIEWER, Rank.TEACHER, Rank.TECHNICIAN]
    for place, rank in enumerate(ranks):
        assert [rank.may(needed) for needed in ranks] == [other <= place for other in range(4)]
