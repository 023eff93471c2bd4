"""The simulated PJLink projector answers clients that nobody here wrote, and the specification's own exchanges."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiopjlink
import pypjlink
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.faults import Faults, UnknownFault
from simulators.pjlink import PjlinkProjector
from simulators.pjlink_commands import FAULTS, ProjectorSet
from simulators.projector_lamp import Lamp


def quick(**options: Any) -> PjlinkProjector:
    return PjlinkProjector(warm_up_s=0.05, cool_down_s=0.05, **options)


@asynccontextmanager
async def wire(projector: PjlinkProjector) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(projector.host, projector.port)
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def line(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r")).decode().rstrip("\r")


async def ask(projector: PjlinkProjector, *commands: str) -> list[str]:
    """Greeting, then the reply to each command, on one connection without password."""
    async with wire(projector) as (reader, writer):
        answers = [await line(reader)]
        for command in commands:
            writer.write(f"{command}\r".encode())
            answers.append(await line(reader))
        return answers


async def log_in_in_vain(projector: PjlinkProjector, password: str) -> None:
    link = aiopjlink.PJLink(projector.host, projector.port, password=password)
    with pytest.raises(aiopjlink.PJLinkPassword):
        await link.__aenter__()
    await link.__aexit__(None, None, None)  # it leaves its socket open after a refused login


# --- aiopjlink -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("password", "auth"), [(None, "md5"), ("lớp-học", "md5"), ("secret", "sha256")])
async def test_aiopjlink_turns_it_on_through_warming_and_off_through_cooling(password: str | None, auth: str) -> None:
    projector = quick(password=password, auth=auth)
    async with projector:
        link = aiopjlink.PJLink(projector.host, projector.port, password=password)
        async with link:
            assert await link.power.get() is aiopjlink.Power.State.OFF
            await link.power.turn_on()
            assert await link.power.get() is aiopjlink.Power.State.WARMING
            with pytest.raises(aiopjlink.PJLinkERR3):
                await link.sources.set("3", "2")
            await projector.changes.until(lambda: projector.power == "on")
            assert await link.power.get() is aiopjlink.Power.State.ON
            await link.sources.set("3", "2")
            assert projector.picture.input == "32"
            await link.power.turn_off()
            assert await link.power.get() is aiopjlink.Power.State.COOLING
            with pytest.raises(aiopjlink.PJLinkERR3):
                await link.power.turn_on()
            await projector.changes.until(lambda: projector.power == "off")


async def test_aiopjlink_reads_all_that_class_2_tells() -> None:
    async with PjlinkProjector(lamp_hours=777, faults=["fan", "filter-warning"]) as projector:
        projector.set_power(True)
        async with aiopjlink.PJLink(projector.host, projector.port) as link:
            assert [(m.value, i, n) for m, i, n in await link.sources.available_with_names()] == [
                ("1", "1", "VGA"), ("3", "1", "HDMI 1"), ("3", "2", "HDMI 2"), ("5", "1", "LAN"),
            ]  # fmt: skip
            assert await link.sources.resolution() == (1920, 1080)
            assert await link.sources.recommended_resolution() == (1920, 1080)
            assert await link.lamps.status() == [(777, aiopjlink.Lamp.State.ON)]
            assert await link.lamps.replacement_models() == ["LMP-SIM"]
            assert await link.filter.hours() == 120
            assert await link.filter.replacement_models() == ["FLT-SIM"]
            errors = {category.value: level.value for category, level in (await link.errors.query()).items()}
            assert errors == {"fan": "2", "lamp": "0", "temperature": "0", "cover": "0", "filter": "1", "other": "0"}
            told = await link.info.table()
            assert told["projector_name"] == "Máy chiếu mô phỏng"
            assert told["serial_number"] == "SIM0001"
            assert told["pjlink_class"] is aiopjlink.PJClass.TWO


async def test_aiopjlink_mutes_freezes_and_turns_the_volume() -> None:
    async with PjlinkProjector() as projector:
        projector.set_power(True)
        async with aiopjlink.PJLink(projector.host, projector.port) as link:
            await link.mute.video(True)
            assert await link.mute.status() == (True, False)
            assert projector.picture.video_muted
            assert not projector.picture.audio_muted
            await link.mute.both(False)
            assert await link.mute.status() == (False, False)
            await link.freeze.set(True)
            assert await link.freeze.get()
            await link.speaker.turn_up()
            await link.microphone.turn_down()
        assert (projector.picture.speaker_volume, projector.picture.microphone_volume) == (11, 9)


@pytest.mark.parametrize("faults", [[], ["wrong-password"]])
async def test_aiopjlink_is_told_that_its_password_is_wrong(faults: list[str]) -> None:
    async with PjlinkProjector(password="right", faults=faults) as projector:
        await log_in_in_vain(projector, "right" if faults else "wrong")
        assert projector.logins_refused == 1
        assert projector.received == []


# --- pypjlink2 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", [None, "lớp-học"])
async def test_pypjlink_controls_it_from_its_blocking_side(password: str | None) -> None:
    async with quick(password=password, lamp_hours=5, faults=["temperature-warning"]) as projector:

        def control() -> tuple[object, ...]:
            with pypjlink.Projector.from_address(projector.host, projector.port) as client:
                client.authenticate(password)
                client.set_power("on")
                told = client.get_power(), client.get_lamps(), client.get_errors()["temperature"], client.get_inputs()
                return *told, client.get_name()

        told = await asyncio.to_thread(control)
        inputs = [("RGB", 1), ("DIGITAL", 1), ("DIGITAL", 2), ("NETWORK", 1)]
        assert told == ("warm-up", [(5, True)], "warning", inputs, "Máy chiếu mô phỏng")
        await projector.changes.until(lambda: projector.power == "on")

        def mute() -> tuple[object, ...]:
            with pypjlink.Projector.from_address(projector.host, projector.port) as client:
                client.authenticate(password)
                client.set_mute(pypjlink.MUTE_AUDIO, True)
                client.set_input("NETWORK", 1)
                return client.get_mute(), client.get_input()

        assert await asyncio.to_thread(mute) == ((False, True), ("NETWORK", 1))
        assert projector.picture.audio_muted


async def test_pypjlink_is_told_that_its_password_is_wrong() -> None:
    async with PjlinkProjector(password="right") as projector:

        def log_in() -> bool:
            with pypjlink.Projector.from_address(projector.host, projector.port) as client:
                return bool(client.authenticate("wrong"))

        assert not await asyncio.to_thread(log_in)


# --- the wire itself -------------------------------------------------------------------------------------------------


async def test_the_specifications_digest_is_taken() -> None:
    """Section 5.1's example: random 498e4a67, password JBMIAProjectorLink."""
    assert hashlib.md5(b"498e4a67JBMIAProjectorLink").hexdigest() == "5d8409bc1c3fa39749434aa3a5c38682"
    async with PjlinkProjector(password="JBMIAProjectorLink") as projector, wire(projector) as (reader, writer):
        word, level, random = (await line(reader)).split()
        assert (word, level, len(random)) == ("PJLINK", "1", 8)
        digest = hashlib.md5(f"{random}JBMIAProjectorLink".encode()).hexdigest()
        writer.write(f"{digest}%1POWR ?\r%1LAMP ?\r".encode())
        assert [await line(reader), await line(reader)] == ["%1POWR=0", "%1LAMP=1234 0"]


def sha_login(greeting: str, password: str, own: bytes = bytes(range(16))) -> str:
    word, level, random = greeting.split()
    assert (word, level, len(random)) == ("PJLINK", "2", 32)
    both = bytes(a ^ b for a, b in zip(own, bytes.fromhex(random), strict=True)).hex()
    return own.hex() + hashlib.sha256(f"{both}{password}".encode()).hexdigest()


@pytest.mark.parametrize("auth", ["sha256", "sha256-only"])
async def test_the_newer_login_is_taken_once_for_the_whole_connection(auth: str) -> None:
    projector = PjlinkProjector(password="secret", auth=auth)  # type: ignore[arg-type]
    async with projector, wire(projector) as (reader, writer):
        assert (await line(reader)).startswith("PJLINK 1 ")
        writer.write(b"PJLINK 2\r")
        login = sha_login(await line(reader), "secret")
        writer.write(f"{login}%1CLSS ?\r%1POWR ?\r".encode())
        assert [await line(reader), await line(reader)] == ["%1CLSS=2", "%1POWR=0"]


async def test_the_newer_login_with_a_wrong_password_ends_the_connection() -> None:
    projector = PjlinkProjector(password="secret", auth="sha256")
    async with projector, wire(projector) as (reader, writer):
        await line(reader)
        writer.write(b"PJLINK 2\r")
        writer.write(f"{sha_login(await line(reader), 'guess')}%1POWR 1\r".encode())
        assert await line(reader) == "PJLINK ERRA"
        assert await reader.read() == b""
        assert projector.power == "off"


async def test_an_older_set_takes_the_newer_greeting_for_a_wrong_password() -> None:
    async with PjlinkProjector(password="secret", auth="md5") as projector, wire(projector) as (reader, writer):
        await line(reader)
        writer.write(b"PJLINK 2\r")
        assert await line(reader) == "PJLINK ERRA"
        assert await reader.read() == b""


async def test_a_set_that_wants_only_the_newer_login_refuses_md5() -> None:
    async with PjlinkProjector(password="secret", auth="sha256-only") as projector:
        await log_in_in_vain(projector, "secret")


async def test_errors_are_those_of_the_specification() -> None:
    async with PjlinkProjector() as projector:
        answers = await ask(
            projector, "%1ABCD ?", "%1SNUM ?", "%1POWR 7", "%1INPT 39", "%1INPT 31", "%1AVMT ?", "%1powr ?", "%2INPT 3Z"
        )
        assert answers == [
            "PJLINK 0", "%1ABCD=ERR1", "%1SNUM=ERR1", "%1POWR=ERR2", "%1INPT=ERR2", "%1INPT=ERR3", "%1AVMT=ERR3",
            "%1POWR=0", "%2INPT=ERR2",
        ]  # fmt: skip


async def test_a_class_1_set_knows_no_class_2_and_hides_inputs_it_cannot_name() -> None:
    async with PjlinkProjector(pjlink_class=1, inputs={"31": "HDMI", "61": "Logo"}) as projector:
        answers = await ask(projector, "%2SNUM ?", "%1CLSS ?", "%1INST ?")
        assert answers[1:] == ["%2SNUM=ERR1", "%1CLSS=1", "%1INST=31"]
    async with PjlinkProjector(inputs={"31": "HDMI", "6A": "Logo"}) as projector:
        assert (await ask(projector, "%1INST ?", "%2INST ?"))[1:] == ["%1INST=31", "%2INST=31 6A"]


async def test_told_twice_it_stays_where_it_is() -> None:
    async with PjlinkProjector(warm_up_s=30) as projector:
        assert (await ask(projector, "%1POWR 0", "%1POWR 1", "%1POWR 1", "%1POWR 0"))[1:] == [
            "%1POWR=OK", "%1POWR=OK", "%1POWR=OK", "%1POWR=ERR3",
        ]  # fmt: skip
        assert projector.power == "warming"
        assert projector.received == ["%1POWR 0", "%1POWR 1", "%1POWR 1", "%1POWR 0"]


async def test_it_hangs_up_an_idle_connection() -> None:
    async with PjlinkProjector(idle_close_s=0.05) as projector, wire(projector) as (reader, _):
        assert await line(reader) == "PJLINK 0"
        assert await reader.read() == b""
        await projector.changes.until(lambda: projector.connections == 0)


async def test_hanging_up_ends_every_connection_and_takes_the_next() -> None:
    async with PjlinkProjector() as projector, wire(projector) as (one, _), wire(projector) as (two, _):
        await asyncio.gather(line(one), line(two))
        projector.hang_up()
        assert await one.read() == await two.read() == b""
        assert (await ask(projector, "%1CLSS ?"))[1] == "%1CLSS=2"


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_a_living_set_can_be_injured_and_healed() -> None:
    async with PjlinkProjector(warm_up_s=0.01) as projector:
        projector.faults.add("refuse")
        assert (await ask(projector, "%1POWR 1"))[1] == "%1POWR=ERR4"
        projector.faults.add("err3")
        projector.faults.remove("refuse")
        assert (await ask(projector, "%1POWR 1", "%1POWR ?"))[1:] == ["%1POWR=ERR3", "%1POWR=0"]
        projector.faults.remove("err3")
        projector.faults.add("stuck-warming")
        assert (await ask(projector, "%1POWR 1"))[1] == "%1POWR=OK"
        with pytest.raises(TimeoutError):
            await projector.changes.until(lambda: projector.power == "on", timeout_s=0.1)
        projector.faults.remove("stuck-warming")
        await projector.changes.until(lambda: projector.power == "on")


async def test_it_drops_a_connection_in_the_middle_of_a_reply() -> None:
    async with PjlinkProjector() as projector, wire(projector) as (reader, writer):
        await line(reader)
        projector.faults.add("drop")
        writer.write(b"%1POWR ?\r")
        assert await reader.read() == b"%1PO"


async def test_it_says_nothing_when_silent_but_does_what_it_is_told() -> None:
    async with PjlinkProjector(faults=["silent"]) as projector, wire(projector) as (reader, writer):
        writer.write(b"%1POWR 1\r")
        await projector.changes.until(lambda: projector.power == "warming")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)


async def test_it_speaks_lower_case_byte_by_byte_late_and_rubbish() -> None:
    async with PjlinkProjector(faults=["lower-case", "split"]) as projector:
        assert await ask(projector, "%1POWR 1", "%1ABCD 1", "%1NAME ?") == [
            "pjlink 0", "%1powr=ok", "%1abcd=err1", "%1name=Máy chiếu mô phỏng",
        ]  # fmt: skip
    async with PjlinkProjector(faults=["slow"], slow_s=0.05) as projector:
        started = asyncio.get_running_loop().time()
        await ask(projector)
        assert asyncio.get_running_loop().time() - started >= 0.05
    async with PjlinkProjector(faults=["garbage"]) as projector, wire(projector) as (reader, _):
        assert not (await reader.readuntil(b"\r")).startswith(b"PJLINK")


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(UnknownFault, match=r"no fault 'explode'; one of: drop, slow"):
        PjlinkProjector(faults=["explode"])


# --- UDP -------------------------------------------------------------------------------------------------------------


class _Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data)


@asynccontextmanager
async def ear() -> AsyncIterator[tuple[asyncio.DatagramTransport, _Ear, tuple[str, int]]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(_Ear, ("127.0.0.1", 0))
    try:
        async with asyncio.timeout(10):
            yield transport, protocol, transport.get_extra_info("sockname")
    finally:
        transport.close()


async def test_a_search_is_answered() -> None:
    async with PjlinkProjector(search_reply_s=0.01) as projector, ear() as (transport, heard, _):
        transport.sendto(b"%2SRCH\r", (projector.host, projector.port))
        assert await heard.heard.get() == b"%2ACKN=02:00:00:4c:48:01\r"


async def test_it_announces_itself_and_its_changes_where_told() -> None:
    async with ear() as (_, heard, address), quick(notify=address) as projector:
        assert await heard.heard.get() == b"%2LKUP=02:00:00:4c:48:01\r"
        await ask(projector, "%1POWR 1")
        assert await heard.heard.get() == b"%2POWR=1\r"
        projector.faults.add("lamp")
        assert await heard.heard.get() == b"%2ERST=020000\r"


# --- any line --------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.text(max_size=40) | st.builds("%{}{} {}".format, st.sampled_from("12"), st.text(max_size=4), st.text()))
def test_any_line_gets_one_reply_of_its_own_command_or_none(text: str) -> None:
    projector = ProjectorSet(Lamp(1, 1, 0, lambda: None), Faults(FAULTS, ["err3"]))
    reply = projector.answer(text)
    if reply is not None:
        assert reply.startswith(f"%{text[1]}{text[2:6].upper()}=")


async def test_a_client_that_sends_rubbish_costs_nobody_else() -> None:
    async with PjlinkProjector() as projector:
        with socket.create_connection((projector.host, projector.port)) as rude:
            rude.sendall(bytes(range(256)) * 8)
            assert (await ask(projector, "%1CLSS ?"))[1] == "%1CLSS=2"
