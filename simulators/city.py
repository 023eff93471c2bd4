"""A city's gateways in one process: real batches, each on its own topic, sent again until the centre answers.

Two ways to send: each gateway once a `period_s`, spread evenly over it; or, with `period_s` 0, as fast as answers
come, with `window` batches unanswered in all. Each connection to the broker carries the gateways of some schools.
"""

import asyncio
import heapq
import itertools
import json
import logging
import signal
import ssl
import time
from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import click
from gmqtt import Client
from gmqtt.mqtt.constants import MQTTv311

from classroom_profiles.telemetry import Ack, Unreadable, decode_ack, digest
from classroom_profiles.topics import ROOT, Address
from simulators.changes import Changes
from simulators.city_batches import GatewayBatches, bodies

UNANSWERED = 200_000
"""Batches: with more than that nothing new is produced."""
PERIOD_S = 10.0
_TICK_S = 0.01
_AT_ONCE = 500
_CONNECT_S = 10.0
_LONGEST_MS = 120_000


@dataclass(frozen=True, slots=True)
class CityPlan:
    """How large, and how fast."""

    schools: int = 4
    rooms: int = 5
    metrics: int = 20
    period_s: float = PERIOD_S
    points_per_series: int = 1
    window: int = 200
    connections: int = 4
    seed: int = 1
    answer_s: float = 6.0
    """How long an answer may take before a batch is sent again."""
    back_days: float = 7.0
    """Without a period: how old the first points are."""

    @property
    def gateways(self) -> int:
        return self.schools * self.rooms

    @property
    def points_per_batch(self) -> int:
        return self.metrics * self.points_per_series


@dataclass(slots=True)
class Report:
    """What happened. Points of batches that were answered twice count once."""

    gateways: int
    seconds: float = 0.0
    produced_points: int = 0
    acked_points: int = 0
    refused_points: int = 0
    unreadable_batches: int = 0
    unanswered_batches: int = 0
    sent_again: int = 0
    layouts_asked: int = 0
    skipped_batches: int = 0
    """Not produced, since too many were unanswered or the generator was late."""
    points_per_s: float = 0.0
    lag_p50_s: float = 0.0
    lag_p99_s: float = 0.0
    lag_max_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Sent:
    gateway: int
    payload: bytes
    points: int
    produced: float
    again_at: float


class City:
    """Connected to the broker between enter and exit."""

    def __init__(self, url: str, plan: CityPlan) -> None:
        """Raises ValueError for a URL that is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise ValueError("write the broker as mqtt://host:1883")
        self.plan = plan
        self.report = Report(plan.gateways)
        self.changes = Changes()
        """Tells of each batch that is answered for good."""
        self._host, self._port = parts.hostname, parts.port or 1883
        self._ssl = ssl.create_default_context() if parts.scheme == "mqtts" else False
        self._user, self._password = parts.username, parts.password
        boot = f"city-{time.time_ns():x}"
        self._gateways = [
            GatewayBatches(Address(f"school-{school:04}", f"gw-{room:03}"), f"r{room:03}", boot, plan.metrics)
            for school in range(plan.schools)
            for room in range(plan.rooms)
        ]
        step_us = int(plan.period_s * 1e6) or 1_000_000
        self._bodies = itertools.cycle(bodies(plan.metrics, plan.points_per_series, step_us, plan.seed))
        self._first_us = int(time.time() - plan.back_days * 86_400) * 1_000_000
        self._span_us = step_us * plan.points_per_series
        self._clients: list[Client] = []
        self._up: set[int] = set()
        self._unanswered: dict[tuple[int, str], _Sent] = {}
        self._of_topic = {gateway.address.topic("ack"): number for number, gateway in enumerate(self._gateways)}
        self._again: list[tuple[float, tuple[int, str]]] = []
        self._quiet_until: dict[int, float] = {}
        self._lags_ms = [0] * (_LONGEST_MS + 1)
        self._flooding = self._stopping = False
        self._batches = 0
        self._lag_from = 0.0

    async def __aenter__(self) -> Self:
        for number in range(min(self.plan.connections, self.plan.schools)):
            await self._connect(number)
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.disconnect()

    async def run(self, seconds: float, drain_s: float = 30.0, warm_up_s: float = 0.0) -> Report:
        """Produce for `seconds`, wait until all is answered; lag is counted from `warm_up_s` on."""
        started = time.monotonic()
        self._lag_from = started + warm_up_s
        if self.plan.period_s > 0:
            await self._tick(started, seconds)
        else:
            await self._flood(started, seconds)
        until = time.monotonic() + drain_s
        while self._unanswered and time.monotonic() < until:
            self._send_again(time.monotonic())
            await asyncio.sleep(_TICK_S)
        self._finish(time.monotonic() - started)
        return self.report

    def stop(self) -> None:
        """Produce no more; `run` still waits for the answers."""
        self._stopping = True

    async def _tick(self, started: float, seconds: float) -> None:
        """Each gateway has its own moment in the period."""
        gap = self.plan.period_s / len(self._gateways)
        total = round(seconds / gap)
        produced = 0
        while produced < total and not self._stopping:
            now = time.monotonic()
            due = min(total, int((now - started) / gap) + 1)
            for number in range(produced, due):
                if len(self._unanswered) >= UNANSWERED:
                    self.report.skipped_batches += 1
                    continue
                moment = started + number * gap
                at_us = int((time.time() - (now - moment)) * 1e6)
                self._produce(number % len(self._gateways), at_us, moment, now)
            produced = due
            self._send_again(now)
            await asyncio.sleep(_TICK_S)

    async def _flood(self, started: float, seconds: float) -> None:
        """Answers bring forth the next batch: see `_heard`."""
        self._flooding = True
        while time.monotonic() - started < seconds and not self._stopping:
            self._send_again(time.monotonic())
            self._fill()
            await asyncio.sleep(0 if self._has_room() else _TICK_S)
        self._flooding = False

    def _has_room(self) -> bool:
        return self._flooding and len(self._unanswered) < self.plan.window and len(self._up) == len(self._clients)

    def _fill(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._has_room():
                return
            gateway, turn = self._batches % len(self._gateways), self._batches // len(self._gateways)
            self._batches += 1
            now = time.monotonic()
            self._produce(gateway, self._first_us + turn * self._span_us, now, now)

    def _produce(self, number: int, time_us: int, produced: float, now: float) -> None:
        points = self.plan.points_per_batch
        payload = self._gateways[number].stamped(next(self._bodies), points, time_us)
        sent = _Sent(number, payload, points, produced, now)
        self.report.produced_points += points
        self._send(sent, now)

    def _send(self, sent: _Sent, now: float) -> None:
        """Now, or when the centre lets it; and again if it is not answered."""
        quiet_until = self._quiet_until.get(sent.gateway, 0.0) if self._quiet_until else 0.0
        sent.again_at = max(now + self.plan.answer_s, quiet_until)
        name = (sent.gateway, digest(sent.payload))
        self._unanswered[name] = sent
        heapq.heappush(self._again, (sent.again_at, name))
        if quiet_until > now:
            return
        gateway = self._gateways[sent.gateway]
        client = sent.gateway // self.plan.rooms % len(self._clients)
        if client in self._up:
            self._clients[client].publish(gateway.address.topic("up"), sent.payload, qos=1)

    def _send_again(self, now: float) -> None:
        for _ in range(_AT_ONCE):
            if not self._again or self._again[0][0] > now:
                return
            again_at, name = heapq.heappop(self._again)
            sent = self._unanswered.get(name)
            if sent is not None and sent.again_at == again_at:  # else it was answered, or sent since
                self.report.sent_again += 1
                self._send(self._unanswered.pop(name), now)

    def _heard(self, _: Client, topic: str, payload: bytes, *__: Any) -> int:
        try:
            ack = decode_ack(bytes(payload))
        except Unreadable:
            return 0
        sent = self._unanswered.pop((self._of_topic.get(topic, -1), ack.batch), None)
        if sent is None:
            return 0
        now = time.monotonic()
        gateway = self._gateways[sent.gateway]
        if ack.slow_s:
            self._quiet_until[sent.gateway] = now + ack.slow_s
        if ack.need_layout:
            gateway.knows = False
            self.report.layouts_asked += 1
            sent.payload = gateway.introduced(sent.payload)
            self._send(sent, now)
        elif not ack.settles:
            self._send(sent, now)
        else:
            gateway.knows = gateway.knows or not ack.unreadable
            self._settle(sent, ack, now)
            self._fill()
        return 0

    def _settle(self, sent: _Sent, ack: Ack, now: float) -> None:
        self.report.acked_points += ack.stored
        self.report.refused_points += sum(ack.refused.values())
        self.report.unreadable_batches += bool(ack.unreadable)
        self.changes.tell()
        if sent.produced >= self._lag_from:
            self._lags_ms[min(_LONGEST_MS, int((now - sent.produced) * 1000))] += 1

    def _finish(self, seconds: float) -> None:
        report = self.report
        report.seconds = round(seconds, 3)
        report.unanswered_batches = len(self._unanswered)
        report.points_per_s = round(report.acked_points / seconds, 1)
        report.lag_p50_s, report.lag_p99_s, report.lag_max_s = (self._lag(share) for share in (0.5, 0.99, 1.0))

    def _lag(self, share: float) -> float:
        total, seen = sum(self._lags_ms), 0
        for ms, count in enumerate(self._lags_ms):
            seen += count
            if total and seen >= share * total:
                return (ms + 1) / 1000
        return 0.0

    async def _connect(self, number: int) -> None:
        client = Client(f"lophoc-city-{number}-{time.time_ns():x}")
        client.set_config({"reconnect_retries": -1, "reconnect_delay": 1})
        subscribed = asyncio.Event()
        schools = range(number, self.plan.schools, min(self.plan.connections, self.plan.schools))

        def connected(*_: Any) -> None:
            for school in schools:
                client.subscribe(f"{ROOT}/school-{school:04}/+/ack", qos=0)  # as the gateways do

        def is_subscribed(*_: Any) -> None:
            self._up.add(number)
            subscribed.set()

        client.on_connect = connected
        client.on_subscribe = is_subscribed
        client.on_disconnect = lambda *_: self._up.discard(number)
        client.on_message = self._heard
        if self._user:
            client.set_auth_credentials(self._user, self._password)
        self._clients.append(client)
        async with asyncio.timeout(_CONNECT_S):
            await client.connect(self._host, self._port, ssl=self._ssl, version=MQTTv311)
            await subscribed.wait()


async def _run(city: City, seconds: float, drain_s: float, warm_up_s: float) -> Report:
    loop = asyncio.get_running_loop()
    async with city:
        click.echo(f"ready {city.plan.gateways} gateways")
        running = asyncio.create_task(city.run(seconds, drain_s, warm_up_s), name="city")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        try:
            return await running
        except asyncio.CancelledError:
            return city.report


@click.command()
@click.option("--broker", "url", required=True, metavar="URL", help="The broker: mqtt://host:port.")
@click.option("--schools", default=4, show_default=True, type=click.IntRange(1, 5_000), help="How many schools.")
@click.option("--rooms", default=5, show_default=True, type=click.IntRange(1, 1_000), help="Rooms of each school.")
@click.option("--metrics", default=20, show_default=True, type=click.IntRange(1, 500), help="Series of each room.")
@click.option(
    "--period", "period_s", default=None, show_default="10", type=click.FloatRange(0), metavar="SECONDS",
    help="Seconds between two batches of one gateway; 0: as fast as answers come.",
)  # fmt: skip
@click.option(
    "--rate", "points_per_s", default=None, type=click.FloatRange(0, min_open=True), metavar="POINTS_PER_S",
    help="Points a second of the whole city, instead of --period.",
)  # fmt: skip
@click.option("--seconds", default=30.0, show_default=True, type=click.FloatRange(0.1), help="How long to produce.")
@click.option("--points", default=1, show_default=True, type=click.IntRange(1, 1_000), help="Of a series in a batch.")
@click.option("--window", default=200, show_default=True, help="With --period 0: batches unanswered in all.")
@click.option(
    "--back", "back_days", default=7.0, show_default=True, help="With --period 0: the first points' age in days."
)  # fmt: skip
@click.option("--warm-up", "warm_up_s", default=0.0, help="Seconds of which the lag does not count.")
@click.option("--drain", "drain_s", default=30.0, show_default=True, help="How long to wait for the last answers.")
@click.option("--answer", "answer_s", default=6.0, show_default=True, help="Seconds until a batch is sent again.")
@click.option("--connections", default=4, show_default=True, type=click.IntRange(1, 64), help="To the broker.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same values.")
def command(
    url: str, schools: int, rooms: int, metrics: int, period_s: float | None, points_per_s: float | None,
    seconds: float, points: int, window: int, back_days: float, warm_up_s: float, drain_s: float, answer_s: float,
    connections: int, seed: int,
) -> None:  # fmt: skip
    """A city of gateways that sends real telemetry batches; the last line is a report as JSON.

    Exit code 1: some batches were not answered.
    """
    if points_per_s is not None:
        if period_s is not None:
            raise click.UsageError("say either --rate (points a second of the city) or --period (seconds), not both")
        period_s = schools * rooms * metrics * points / points_per_s
    elif period_s is None:
        period_s = PERIOD_S
    plan = CityPlan(schools, rooms, metrics, period_s, points, window, connections, seed, answer_s, back_days)
    logging.getLogger("gmqtt").setLevel(logging.ERROR)
    try:
        city = City(url, plan)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--broker") from wrong
    try:
        report = asyncio.run(_run(city, seconds, drain_s, warm_up_s))
    except (OSError, TimeoutError) as wrong:
        raise click.ClickException(f"no connection to the broker: {wrong}") from wrong
    click.echo(json.dumps(asdict(report)))
    raise SystemExit(1 if report.unanswered_batches else 0)
