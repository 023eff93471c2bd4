"""The city's batches are the wire's own, and nothing is forgotten until the centre has answered."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from classroom_profiles.telemetry import Ack, Layout, NeedLayout, Unreadable, decode, digest, encode_ack, runs
from classroom_profiles.topics import EVERY_UP, Address
from simulators.city import City, CityPlan, command
from simulators.city_batches import GatewayBatches, bodies, series_of
from tests.servers import Mosquitto
from tests.waiting import until

BASE_US = 1_790_000_000_000_000


class Centre:
    """Answers batches as `answer` says, and remembers what it stored. It shares no code with ours beyond the wire."""

    def __init__(self, port: int, answer: Callable[[Address, bytes, int], Ack | None]) -> None:
        self.stored: set[tuple[Address, str, int]] = set()
        self.payloads: list[tuple[Address, bytes]] = []
        self._answer = answer
        self._layouts: dict[Address, dict[bytes, Layout]] = {}
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._received
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(EVERY_UP, 1)
        self._client.loop_start()
        assert self._ready.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def read(self, sender: Address, payload: bytes) -> Ack:
        """What a centre that works answers."""
        known = self._layouts.setdefault(sender, {})
        try:
            batch = decode(payload, known)
        except NeedLayout:
            return Ack(digest(payload), 0, need_layout=True)
        except Unreadable as why:
            return Ack(digest(payload), 0, unreadable=str(why))
        known[batch.layout.key] = batch.layout
        points = {
            (sender, f"{run.series.device}/{run.series.metric}", time_us)
            for run in runs(batch)[0]
            for time_us in run.times_us
        }
        self.stored |= points
        return Ack(digest(payload), len(points))

    def forget_layouts(self) -> None:
        self._layouts.clear()

    def _received(self, _: Client, __: Any, message: MQTTMessage) -> None:
        sender, payload = Address.of(message.topic), bytes(message.payload)
        assert sender is not None
        self.payloads.append((sender, payload))
        ack = self._answer(sender, payload, len(self.payloads))
        if ack is not None:
            self._client.publish(sender.topic("ack"), encode_ack(ack))


@contextmanager
def centre(broker: Mosquitto, answer: Callable[[Address, bytes, int], Ack | None] | None = None) -> Iterator[Centre]:
    made = Centre(broker.port, answer or (lambda sender, payload, _: made.read(sender, payload)))
    try:
        yield made
    finally:
        made.close()


@given(st.integers(1, 45), st.integers(1, 4), st.integers(0, 2**40), st.integers(0, 31))
def test_a_stamped_batch_is_what_the_encoder_would_have_made(metrics: int, points: int, later: int, which: int) -> None:
    gateway = GatewayBatches(Address("s", "g"), "r001", "boot-1", metrics)
    body = bodies(metrics, points, 1_000_000, seed=3)[which]
    first = decode(gateway.stamped(body, metrics * points, BASE_US))
    gateway.knows = True
    size = metrics * points
    second = decode(gateway.stamped(body, size, BASE_US + later), {first.layout.key: first.layout})
    assert (first.first_seq, second.first_seq, second.last_seq) == (0, size, 2 * size - 1)
    assert [run.series for run in second.columns] == series_of("r001", metrics)
    assert {tuple(run.times_us) for run in second.columns} == {
        tuple(BASE_US + later + 1_000_000 * number for number in range(points))
    }
    assert [run.values for run in first.columns] == [run.values for run in second.columns]
    assert runs(second)[1] == {}


async def test_every_gateway_sends_once_a_period_and_all_is_acknowledged(mosquitto: Mosquitto) -> None:
    with centre(mosquitto) as peer:
        async with City(mosquitto.url, CityPlan(schools=3, rooms=4, metrics=5, period_s=0.2)) as city:
            report = await city.run(seconds=0.6, drain_s=10)
    assert report.produced_points == report.acked_points == len(peer.stored) == 3 * 12 * 5
    assert (report.unanswered_batches, report.layouts_asked) == (0, 0)
    assert len({sender for sender, _ in peer.payloads}) == 12
    assert 0 < report.lag_p50_s <= report.lag_p99_s <= report.lag_max_s


async def test_without_a_period_no_more_than_the_window_is_unanswered(mosquitto: Mosquitto) -> None:
    with centre(mosquitto, lambda *_: None) as peer:
        plan = CityPlan(schools=2, rooms=5, metrics=2, period_s=0, window=7)
        async with City(mosquitto.url, plan) as city:
            running = asyncio.create_task(city.run(seconds=30, drain_s=0.1), name="city")
            await asyncio.to_thread(until, lambda: len(peer.payloads) >= 7)
            city.stop()
            report = await running
    assert (report.unanswered_batches, len(peer.payloads)) == (7, 7)


async def test_what_is_not_answered_is_sent_again_in_the_same_bytes(mosquitto: Mosquitto) -> None:
    def only_the_second_time(sender: Address, payload: bytes, count: int) -> Ack | None:
        return peer.read(sender, payload) if count > 6 else None

    with centre(mosquitto, only_the_second_time) as peer:
        plan = CityPlan(schools=1, rooms=6, metrics=2, period_s=0.05, answer_s=1.5)
        async with City(mosquitto.url, plan) as city:
            report = await city.run(seconds=0.05, drain_s=10)
    assert (report.sent_again >= 6, report.acked_points) == (True, 12)
    assert set(peer.payloads[:6]) == set(peer.payloads[6:12])


async def test_a_layout_that_the_centre_lost_is_sent_again(mosquitto: Mosquitto) -> None:
    with centre(mosquitto) as peer:
        plan = CityPlan(schools=1, rooms=3, metrics=4, period_s=0, window=3)
        async with City(mosquitto.url, plan) as city:
            running = asyncio.create_task(city.run(seconds=30, drain_s=10), name="city")
            await city.changes.until(lambda: city.report.acked_points >= 60)
            peer.forget_layouts()
            await city.changes.until(lambda: city.report.layouts_asked >= 3)
            city.stop()
            report = await running
    assert report.acked_points == report.produced_points == len(peer.stored)


async def test_a_gateway_that_is_told_to_be_quiet_is_quiet(mosquitto: Mosquitto) -> None:
    def busy_at_first(sender: Address, payload: bytes, count: int) -> Ack | None:
        return Ack(digest(payload), 0, busy=True, slow_s=0.3) if count == 1 else peer.read(sender, payload)

    with centre(mosquitto, busy_at_first) as peer:
        plan = CityPlan(schools=1, rooms=1, metrics=3, period_s=0, window=1, answer_s=0.2)
        async with City(mosquitto.url, plan) as city:
            running = asyncio.create_task(city.run(seconds=30, drain_s=10), name="city")
            await city.changes.until(lambda: city.report.acked_points >= 3)
            city.stop()
            report = await running
    assert report.lag_max_s > 0.3
    assert peer.payloads[0] == peer.payloads[1]


def test_the_command_ends_with_a_report(mosquitto: Mosquitto) -> None:
    options = ["--broker", mosquitto.url, "--schools", "1", "--rooms", "2", "--metrics", "3"]
    with centre(mosquitto):
        ended = CliRunner().invoke(command, [*options, "--period", "0.1", "--seconds", "0.3"])
    assert ended.exit_code == 0, ended.output
    lines = ended.output.splitlines()
    assert lines[0] == "ready 2 gateways"
    report = json.loads(lines[-1])
    assert report["acked_points"] == report["produced_points"] == 18


def test_a_rate_is_the_whole_citys_points_a_second(mosquitto: Mosquitto) -> None:
    options = ["--broker", mosquitto.url, "--schools", "1", "--rooms", "2", "--metrics", "3"]
    with centre(mosquitto):
        ended = CliRunner().invoke(command, [*options, "--rate", "60", "--seconds", "0.3"])
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.output.splitlines()[-1])["produced_points"] == 18


def test_a_rate_and_a_period_are_one_too_many() -> None:
    ended = CliRunner().invoke(command, ["--broker", "mqtt://127.0.0.1:1", "--rate", "60", "--period", "10"])
    assert (ended.exit_code, "not both" in ended.output) == (2, True)


def test_a_city_that_nobody_answers_is_exit_code_1(mosquitto: Mosquitto) -> None:
    options = ["--broker", mosquitto.url, "--schools", "1", "--rooms", "1", "--period", "0.1", "--seconds", "0.2"]
    ended = CliRunner().invoke(command, [*options, "--drain", "0"])
    assert ended.exit_code == 1
    assert json.loads(ended.output.splitlines()[-1])["unanswered_batches"] == 2


def test_a_broker_that_is_away_says_so() -> None:
    ended = CliRunner().invoke(command, ["--broker", "mqtt://127.0.0.1:1", "--seconds", "1"])
    assert (ended.exit_code, "no connection" in ended.output) == (1, True)


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "x"])
def test_a_wrong_broker_is_exit_code_2(url: str) -> None:
    assert CliRunner().invoke(command, ["--broker", url]).exit_code == 2


def test_a_city_that_is_well_has_no_value_for_which_the_centre_would_raise_an_alarm() -> None:
    """Any body may follow any other within seconds: what rises by 10 degrees in five minutes is a fire."""
    values: dict[str, list[float]] = {}
    for body in bodies(20, 1, 1_000_000, seed=1):
        gateway = GatewayBatches(Address("s", "g"), "r001", "boot-1", 20)
        for run in decode(gateway.stamped(body, 20, BASE_US)).columns:
            if run.series.metric in ("temperature_c", "lamp_h", "battery_percent"):
                values.setdefault(run.series.metric, []).extend(map(float, run.values))
    assert max(values["temperature_c"]) - min(values["temperature_c"]) < 10
    assert max(values["lamp_h"]) < 3000
    assert min(values["battery_percent"]) > 25
