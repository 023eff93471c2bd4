"""The driver of a bench with an experiment: against served benches, and against one that says what it should not."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom_profiles.capability import Command
from classroom_profiles.reading import Reading
from firmware_bridge import experiment_wire as wire
from firmware_bridge.driver import Driver, Mark, Wires
from firmware_bridge.drivers.experiment import DRIVER
from firmware_bridge.errors import BadReply, DeviceError, NotNow, Refused, Timeout, Unreachable
from simulators.experiments import find
from simulators.lab.bench import KEPT_SAMPLES
from simulators.lab.run import Run
from simulators.lab.served_bench import ServedBench
from tests.firmware_bridge.watched import Watched, watched

PENDULUM, RC = find("pendulum"), find("rc-circuit")


def driver_for(served: ServedBench, mark: Mark | None = None, **options: Any) -> Driver:
    return DRIVER.open({"host": served.host, "port": served.port, "poll_s": 0.02, **options}, Wires(mark=mark))


@contextlib.asynccontextmanager
async def in_use(**options: Any) -> AsyncIterator[tuple[ServedBench, Watched]]:
    """A bench that is a hundred times as fast as real, and its driver."""
    served = ServedBench(options.pop("found", PENDULUM), speed=100, **options)
    async with served, watched(driver_for(served)) as watch:
        yield served, watch


def values(served: ServedBench, count: int, **settings: object) -> list[dict[str, float]]:
    run = Run(served.bench.found.experiment, settings, served.bench.run.seed)
    return [dict(run.sample().values) for _ in range(count)]


async def test_it_says_what_it_is_how_it_stands_and_what_can_be_set() -> None:
    async with in_use(seed=7) as (_, watch):
        await watch.until(lambda: "experiment_seed" in watch.values)
        assert watch.states == ["online"]
        assert (watch.values["experiment"], watch.values["experiment_seed"]) == ("idle", 7.0)
        assert watch.values["experiment_length_m"] == 1.0
        state = watch.runs[0]
        assert (state.about.experiment, state.about.simulated, state.about.rate_hz) == ("pendulum", True, 20.0)
        assert set(state.about.software) >= {"numpy", "scipy"}
        assert [str(control.target) for control in watch.driver.controls][:3] == [
            "experiment", "experiment.seed", "experiment.release_angle_deg",
        ]  # fmt: skip
        assert next((one.name, one.unit) for one in state.about.outputs) == ("angle_deg", "°")
        length = state.about.parameter("length_m")
        assert length is not None
        assert (length.low, length.high, length.unit, length.at_reset) == (0.1, 10, "m", False)


async def test_it_starts_streams_pauses_and_resets_and_each_sample_says_that_it_is_simulated() -> None:
    async with in_use(seed=4) as (served, watch):
        await watch.command("experiment", "running")
        await watch.until(lambda: len(watch.samples) >= 60)
        await watch.command("experiment", "paused")
        assert served.bench.state == "paused"
        made = served.bench.run.next_n
        await watch.until(lambda: len(watch.samples) == made and watch.values["experiment"] == "paused")
        assert [sample.n for sample in watch.samples] == list(range(made))
        said = [{one.metric: one.value for one in sample.readings} for sample in watch.samples]
        assert said == values(served, made)
        assert all(one.simulated for sample in watch.samples for one in sample.readings)
        times = [sample.readings[0].time_us for sample in watch.samples]
        assert all(a < b for a, b in itertools.pairwise(times))
        await watch.command("experiment", "idle")
        assert (served.bench.state, served.bench.number) == ("idle", 2)
        await watch.command("experiment", "idle")
        assert served.bench.number == 2, "what is idle already is not reset again"


async def test_a_parameter_is_set_and_reads_so_also_one_that_counts_from_the_next_reset() -> None:
    async with in_use() as (served, watch):
        await watch.command("experiment", "running")
        await watch.until(lambda: bool(watch.samples))
        await watch.command("experiment.length_m", 0.5)
        await watch.command("experiment.release_angle_deg", 30)
        await watch.until(lambda: watch.values.get("experiment_release_angle_deg") == 30.0)
        assert served.bench.run.settings["length_m"] == 0.5
        assert served.bench.run.wanted["release_angle_deg"] == 30
        assert watch.runs[-1].at_reset == {"release_angle_deg": 30}
        await watch.command("experiment.seed", 9)
        assert (served.bench.run.seed, served.bench.state, served.bench.run.settings["release_angle_deg"]) == (
            9, "idle", 30,
        )  # fmt: skip


async def test_a_word_is_set() -> None:
    async with in_use(found=RC) as (served, watch):
        await watch.command("experiment.switch", "discharge")
        assert served.bench.run.settings.choice("switch") == "discharge"
        control = next(one for one in watch.driver.controls if str(one.target) == "experiment.switch")
        assert set(control.choices) == {"charge", "discharge"}


@pytest.mark.parametrize(
    ("target", "value", "words"),
    [
        ("experiment.length_m", 30, "from 0.1 to 10 m"), ("experiment.lenght_m", 1, "its parameters are"),
        ("experiment.length_m", "long", "from 0.1"), ("experiment.seed", -1, "whole number"),
        ("experiment.seed", 1.5, "whole number"), ("switch", True, "has no switch"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_the_check_and_by_the_command(target: str, value: Any, words: str) -> None:
    async with in_use() as (served, watch):
        for tell in (watch.check, watch.command):
            with pytest.raises(Refused, match=words):
                await tell(target, value)
        assert served.received[-1] in ("stream", "status")


async def test_what_was_not_started_cannot_be_paused_and_a_bench_that_refuses_says_not_now() -> None:
    async with in_use() as (served, watch):
        with pytest.raises(NotNow):
            await watch.command("experiment", "paused")
        served.faults.add("refuse")
        with pytest.raises(NotNow, match="no commands now"):
            await watch.command("experiment", "running")


async def test_somebody_elses_hand_on_the_bench_is_seen() -> None:
    async with in_use() as (served, watch):
        served.bench.set({"length_m": 2})
        served.bench.start()
        await watch.until(lambda: watch.values.get("experiment") == "running")
        assert watch.values["experiment_length_m"] == 2.0


async def test_a_line_that_breaks_is_taken_up_after_the_last_sample_that_came() -> None:
    mark = Mark()
    async with ServedBench(PENDULUM, speed=100) as served:
        async with watched(driver_for(served, mark)) as before:
            await before.command("experiment", "running")
            await before.until(lambda: len(before.samples) >= 30)
            served.hang_up()
            await before.until(lambda: before.ended is not None)
            assert isinstance(before.ended, Unreachable)
        heard = len(before.samples)
        await served.bench.changes.until(lambda: served.bench.run.next_n > heard + 100)
        async with watched(driver_for(served, mark)) as after:
            await after.until(lambda: len(after.samples) >= 150)
        assert [one.n for one in before.samples + after.samples] == list(range(heard + len(after.samples)))
        times = [one.readings[0].monotonic_us for one in after.samples[:100]]
        assert all(a < b for a, b in itertools.pairwise(times))
        missed_us = times[99] - times[0]
        assert missed_us > 0.5 * 99 * 500, "what was missed has the times at which it was taken"


async def test_another_run_and_another_session_are_heard_from_their_first_sample() -> None:
    mark = Mark()
    async with ServedBench(PENDULUM, speed=100) as served:
        async with watched(driver_for(served, mark)) as watch:
            await watch.command("experiment", "running")
            await watch.until(lambda: len(watch.samples) >= 20)
        served.bench.reset()
        served.bench.start()
        await served.bench.changes.until(lambda: served.bench.run.next_n > 10)
        async with watched(driver_for(served, mark)) as watch:
            await watch.until(lambda: bool(watch.samples))
            assert (watch.samples[0].run, watch.samples[0].n) == (2, 0)
    async with ServedBench(PENDULUM, speed=100) as served:
        served.bench.start()
        served.bench.reset()
        served.bench.start()
        await served.bench.changes.until(lambda: served.bench.run.next_n > 10)
        async with watched(driver_for(served, mark)) as watch:
            await watch.until(lambda: bool(watch.samples))
            assert (watch.samples[0].run, watch.samples[0].n) == (2, 0)


async def test_what_the_bench_has_forgotten_is_seen_as_a_gap() -> None:
    async with ServedBench(PENDULUM, speed=10_000) as served:
        mark = Mark(served.session, 1, 4)
        served.bench.start()
        await served.bench.changes.until(lambda: served.bench.run.next_n > KEPT_SAMPLES + 10)
        served.bench.pause()
        async with watched(driver_for(served, mark)) as watch:
            await watch.until(lambda: len(watch.samples) == KEPT_SAMPLES)
            assert watch.samples[0].n == served.bench.run.next_n - KEPT_SAMPLES


@pytest.mark.parametrize(("fault", "error"), [("silent", Timeout), ("garbage", BadReply), ("drop", Unreachable)])
async def test_a_bad_line_ends_with_a_named_error(fault: str, error: type[DeviceError]) -> None:
    async with ServedBench(PENDULUM, faults=[fault]) as served:
        with pytest.raises(error):
            async with driver_for(served, answer_s=0.05):
                pass
    async with ServedBench(PENDULUM, speed=100) as served, watched(driver_for(served, answer_s=1.0)) as watch:
        await watch.command("experiment", "running")
        served.faults.add(fault)
        served.bench.pause()  # it would be asked nothing as long as it streams
        await watch.until(lambda: watch.ended is not None)
        assert isinstance(watch.ended, error)


async def test_an_absent_bench_is_unreachable() -> None:
    async with ServedBench(PENDULUM) as served:
        driver = driver_for(served)
    with pytest.raises(Unreachable, match="is the bench switched on"):
        async with driver:
            pass


async def test_a_slow_reader_holds_the_bench_up_and_loses_nothing() -> None:
    async with ServedBench(PENDULUM, speed=1000) as served, driver_for(served) as driver:
        changes = driver.changes()
        await driver.command(Command.parse("experiment", "running"))
        await served.bench.changes.until(lambda: served.bench.run.next_n > 8000)
        await driver.command(Command.parse("experiment", "paused"))
        wanted, numbers = served.bench.run.next_n, list[int]()
        async with asyncio.timeout(30):
            async for change in changes:
                if not isinstance(change, Reading) and hasattr(change, "n"):
                    numbers.append(change.n)
                    if len(numbers) == wanted:
                        break
        await changes.aclose()  # type: ignore[attr-defined]
        assert numbers == list(range(wanted))


async def heard_to_the_end(driver: Driver) -> None:
    async with asyncio.timeout(30):
        async for _ in driver.changes():
            pass


DESCRIBED: dict[str, Any] = {
    "protocol": 1, "experiment": "x", "simulated": False, "name": {"vi": "x", "en": "x"}, "rate_hz": 20,
    "parameters": [], "outputs": [{"name": "angle_deg", "vi": "x", "en": "x", "unit": "°"}],
}  # fmt: skip
STATUS: dict[str, Any] = {"state": "running", "run": 1, "next_n": 0, "seed": 0, "parameters": {}}


class Scripted:
    """A bench that answers every request well, and then says what it was given to say."""

    def __init__(self, *lines: object, described: dict[str, Any] | None = None) -> None:
        self.lines, self.described = lines, described or DESCRIBED

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[int]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                asked = json.loads(line)
                answer = {"id": asked["id"], "ok": True, "status": STATUS, "first_n": 0, "describe": self.described}
                said = [answer, *(self.lines if asked["do"] == "stream" else ())]
                writer.write(b"".join(json.dumps(one).encode() + b"\n" for one in said))
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "said",
    [
        {"sample": {"run": 1, "n": 0, "t_s": 0}}, {"sample": {"run": 1, "n": -1, "t_s": 0, "angle_deg": 1}},
        {"sample": {"run": 1, "n": 0, "t_s": 0, "angle_deg": "x"}}, {"id": 99, "ok": True},
        {"status": {**STATUS, "state": "asleep"}}, "words",
    ],
)  # fmt: skip
async def test_what_its_protocol_does_not_allow_is_a_bad_reply(said: object) -> None:
    async with Scripted(said).served() as port:
        driver = DRIVER.open({"host": "127.0.0.1", "port": port}, Wires())
        async with driver:
            with pytest.raises(BadReply):
                await heard_to_the_end(driver)


async def test_another_protocol_is_a_bad_reply() -> None:
    async with Scripted(described={**DESCRIBED, "protocol": 2}).served() as port:
        with pytest.raises(BadReply, match="protocol 2"):
            async with DRIVER.open({"host": "127.0.0.1", "port": port}, Wires()):
                pass


async def test_a_real_bench_on_the_same_wire_is_not_called_simulated() -> None:
    sample = {"sample": {"run": 1, "n": 0, "t_s": 0, "angle_deg": 3}}
    async with (
        Scripted(sample).served() as port,
        watched(DRIVER.open({"host": "127.0.0.1", "port": port}, Wires())) as watch,
    ):
        await watch.until(lambda: bool(watch.samples))
        assert [(one.metric, one.value, one.unit, one.simulated) for one in watch.samples[0].readings] == [
            ("angle_deg", 3.0, "°", False)
        ]


@given(st.binary(max_size=200) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_a_line_or_a_bad_reply(line: bytes) -> None:
    with contextlib.suppress(BadReply):
        wire.told(line)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, st.sampled_from(["sample", "status", "describe", "ok", "id"]))
def test_any_json_is_a_line_or_a_bad_reply(content: object, key: str) -> None:
    with contextlib.suppress(BadReply):
        wire.told(json.dumps({key: content}).encode())
