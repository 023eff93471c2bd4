"""A bench on a wire: asked line by line, it does what it is told, streams without loss, and says no with a reason."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.experiments import find
from simulators.lab import bench as bench_module
from simulators.lab.requests import LONGEST_LINE, AnyRequest, BadRequest, parse
from simulators.lab.run import Run
from simulators.lab.served_bench import FAULTS, ServedBench

PENDULUM = find("pendulum")


class Client:
    """Somebody at the other end, who keeps apart answers, samples and notices."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.samples: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []

    def send(self, **request: Any) -> Self:
        self.writer.write(json.dumps(request).encode() + b"\n")
        return self

    async def answer(self) -> dict[str, Any]:
        while True:
            told = await self.told()
            if "ok" in told:
                return told

    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        return await self.send(do=do, **more).answer()

    async def told(self) -> dict[str, Any]:
        line = await self.reader.readline()
        if not line:
            raise EOFError
        told: dict[str, Any] = json.loads(line)
        if "sample" in told:
            self.samples.append(told["sample"])
        elif "ok" not in told:
            self.notices.append(told["status"])
        return told

    async def until_samples(self, count: int) -> list[dict[str, Any]]:
        while len(self.samples) < count:
            await self.told()
        return self.samples


@asynccontextmanager
async def client(served: ServedBench) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(served.host, served.port)
    try:
        async with asyncio.timeout(20):
            yield Client(reader, writer)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def fast(**options: Any) -> ServedBench:
    """The pendulum at 2,000 samples a second."""
    return ServedBench(options.pop("found", PENDULUM), speed=100, **options)


async def test_it_describes_itself_with_units_ranges_and_that_it_is_simulated() -> None:
    async with ServedBench(PENDULUM, rate_hz=50) as served, client(served) as lab:
        told = (await lab.ask("describe", id=7))["describe"]
        assert (told["protocol"], told["experiment"], told["simulated"], told["rate_hz"]) == (1, "pendulum", True, 50)
        assert told["name"] == {"vi": "Con lắc đơn", "en": "Simple pendulum"}
        assert told["parameters"][1] == {
            "name": "length_m", "vi": "Chiều dài", "en": "Length", "effect": "at-once",
            "unit": "m", "low": 0.1, "high": 10, "default": 1,
        }  # fmt: skip
        assert [one["name"] for one in told["outputs"]] == ["angle_deg", "velocity_deg_s", "tension_n"]
        assert "Source:" in told["about"]
        assert set(told["software"]) == {"lophoc", "numpy", "scipy", "python", "machine"}
        assert (told["ideal"], told["session"]) == (False, served.session)


async def test_two_that_serve_the_same_have_sessions_of_their_own() -> None:
    assert ServedBench(PENDULUM).session != ServedBench(PENDULUM).session


async def test_it_starts_pauses_goes_on_and_resets() -> None:
    async with fast(seed=4) as served, client(served) as lab:
        assert (await lab.ask("status"))["status"]["state"] == "idle"
        await lab.ask("stream")
        assert (await lab.ask("start"))["status"]["state"] == "running"
        await lab.until_samples(30)
        paused = (await lab.ask("pause"))["status"]
        assert (paused["state"], paused["next_n"]) == ("paused", len(lab.samples))
        assert (await lab.ask("pause"))["status"] == paused
        await lab.ask("start")
        await lab.until_samples(60)
        reset = (await lab.ask("reset", seed=9))["status"]
        assert (reset["state"], reset["run"], reset["next_n"], reset["seed"]) == ("idle", 2, 0, 9)
        assert [one["n"] for one in lab.samples] == list(range(len(lab.samples)))
        assert [one["state"] for one in lab.notices] == ["running", "paused", "running", "idle"]
        assert served.received == ["status", "stream", "start", "pause", "pause", "start", "reset"]


async def test_what_it_streams_is_the_run_of_its_seed_bit_for_bit_with_a_control_turned_on_the_way() -> None:
    async with fast(seed=4, settings={"release_angle_deg": 90}) as served, client(served) as lab:
        await lab.ask("stream")
        await lab.ask("start")
        await lab.until_samples(50)
        turned = await lab.ask("set", values={"length_m": 0.5})
        await lab.until_samples(150)
        after_n = turned["status"]["next_n"]
    run = Run(PENDULUM.experiment, {"release_angle_deg": 90}, seed=4)
    for streamed in lab.samples:
        if run.next_n == after_n:
            run.set("length_m", 0.5)
        sample = run.sample()
        assert streamed == {"run": 1, "n": sample.n, "t_s": sample.t_s, **sample.values}


async def test_parameters_are_set_all_or_none_and_it_says_when_each_counts() -> None:
    async with ServedBench(PENDULUM) as served, client(served) as lab:
        await lab.ask("start")
        await served.bench.changes.until(lambda: served.bench.run.next_n > 0)
        answer = await lab.ask("set", id="a", values={"length_m": 2, "release_angle_deg": 90})
        assert answer["effects"] == {"length_m": "at-once", "release_angle_deg": "at-reset"}
        assert answer["status"]["parameters"]["length_m"] == 2
        assert answer["status"]["at_reset"] == {"release_angle_deg": 90}
        refused = await lab.ask("set", id="b", values={"length_m": 1, "mass_kg": 100})
        assert refused == {
            "id": "b", "ok": False, "error": "wrong-value", "parameter": "mass_kg",
            "message": "mass_kg is a number from 0.01 to 5 kg, not 100",
        }  # fmt: skip
        assert (await lab.ask("status"))["status"]["parameters"]["length_m"] == 2
        unknown = await lab.ask("set", values={"lenght_m": 1})
        assert (unknown["error"], unknown["parameter"]) == ("unknown-parameter", "lenght_m")


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice() -> None:
    async with fast() as served:
        async with client(served) as lab:
            await lab.ask("stream")
            await lab.ask("start")
            await lab.until_samples(10)
            seen = len(lab.samples)
        await served.bench.changes.until(lambda: served.bench.run.next_n > seen + 200)
        async with client(served) as lab:
            assert (await lab.ask("stream", **{"from": seen}))["first_n"] == seen
            numbers = [one["n"] for one in await lab.until_samples(400)]
            assert numbers == list(range(seen, seen + len(numbers)))


async def test_who_comes_back_too_late_is_told_where_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "KEPT_SAMPLES", 20)
    async with fast() as served, client(served) as lab:
        await lab.ask("start")
        await served.bench.changes.until(lambda: served.bench.run.next_n > 100)
        status = (await lab.ask("pause"))["status"]
        answer = await lab.ask("stream", **{"from": 0})
        assert answer["first_n"] == status["next_n"] - 20
        assert [one["n"] for one in await lab.until_samples(20)] == list(range(answer["first_n"], status["next_n"]))
        assert (await lab.ask("stream", **{"from": 10**9}))["first_n"] == status["next_n"]


async def test_all_who_listen_hear_the_same_and_one_who_stops_hears_no_more() -> None:
    async with fast() as served, client(served) as one, client(served) as other:
        await one.ask("stream")
        await other.ask("stream")
        await one.ask("start")
        assert (await one.until_samples(50))[:50] == (await other.until_samples(50))[:50]
        assert other.notices[0]["state"] == "running"
        await other.ask("stream", on=False)
        heard = len(other.samples)
        await one.ask("reset")
        assert (await other.ask("status"))["status"]["run"] == 2
        assert len(other.samples) == heard


async def test_the_first_sample_comes_at_once_and_the_next_one_not_before_it_is_due() -> None:
    """A second of the experiment takes a million seconds here."""
    async with ServedBench(PENDULUM, speed=1e-6) as served, client(served) as lab:
        await lab.ask("stream")
        await lab.ask("start")
        await lab.until_samples(1)
        assert (await lab.ask("status"))["status"]["next_n"] == 1


@pytest.mark.parametrize(
    ("line", "error", "request_id"),
    [
        (b"start", "not-json", None),
        (b'{"do": "start"', "not-json", None),
        (b"[1, 2]", "bad-request", None),
        (b'{"do": "fly", "id": 3}', "bad-request", 3),
        (b'{"id": "x"}', "bad-request", "x"),
        (b'{"do": "set", "id": 4}', "bad-request", 4),
        (b'{"do": "start", "id": 5, "now": true}', "bad-request", 5),
        (b'{"do": "reset", "id": 6, "seed": -1}', "bad-request", 6),
        (b'{"do": "stream", "from": "yesterday"}', "bad-request", None),
        (b"\xff\xfe", "not-json", None),
        (b"[" * 5000, "bad-request", None),
    ],
)
async def test_what_is_no_request_is_answered_with_what_is_wrong(line: bytes, error: str, request_id: Any) -> None:
    async with ServedBench(PENDULUM) as served, client(served) as lab:
        lab.writer.write(line + b"\r\n")
        answer = await lab.answer()
        assert (answer["ok"], answer["error"], answer["id"]) == (False, error, request_id)
        assert answer["message"]
        assert (await lab.ask("status"))["ok"], "it still listens"


WORDS = st.sampled_from(["describe", "status", "start", "pause", "reset", "set", "stream", "fly"])
OBJECTS = st.dictionaries(
    st.sampled_from(["do", "id", "values", "seed", "on", "from"]),
    WORDS | st.none() | st.integers() | st.text(max_size=5),
)


@given(st.binary(max_size=100) | OBJECTS.map(json.dumps).map(str.encode))
def test_no_line_does_anything_but_parse_or_be_refused(line: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert isinstance(parse(line), AnyRequest)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(1, 20), min_size=1, max_size=40))
def test_requests_arrive_in_any_pieces(cuts: list[int]) -> None:
    async def ask() -> None:
        wire = b'{"do": "status", "id": 1}\n\n{"do": "reset", "id": 2}\r\n{"do": "status", "id": 3}\n'
        async with ServedBench(PENDULUM) as served, client(served) as lab:
            for cut in [*cuts, len(wire)]:
                lab.writer.write(wire[:cut])
                wire = wire[cut:]
                await lab.writer.drain()
            assert [(await lab.answer())["id"] for _ in range(3)] == [1, 2, 3]

    asyncio.run(ask())


async def test_a_line_without_end_is_hung_up_on() -> None:
    async with ServedBench(PENDULUM) as served, client(served) as lab:
        lab.writer.write(b"x" * (LONGEST_LINE + 1))
        with pytest.raises((EOFError, ConnectionError)):
            await lab.told()
        await served.bench.changes.until(lambda: served.connections == 0)


async def test_who_does_not_read_is_hung_up_on_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.lab.served_bench._MOST_WAITING", 10_000)
    async with ServedBench(PENDULUM, speed=5000) as served, client(served) as lab:
        reader, writer = await asyncio.open_connection(served.host, served.port, limit=1024)
        writer.write(b'{"do":"stream"}\n')
        await lab.ask("stream")
        await served.bench.changes.until(lambda: served.connections == 2)
        await lab.ask("start")
        while served.connections == 2:
            await lab.until_samples(len(lab.samples) + 1)
        numbers = [one["n"] for one in await lab.until_samples(len(lab.samples) + 100)]
        assert numbers == list(range(len(numbers)))
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert not reader.at_eof() or served.connections == 1


@pytest.mark.parametrize("fault", list(FAULTS))
async def test_it_can_be_injured_and_healed(fault: str) -> None:
    async with ServedBench(PENDULUM, faults=[fault]) as served:
        async with client(served) as lab:
            lab.send(do="start")
            match fault:
                case "refuse":
                    assert (await lab.answer())["error"] == "not-now"
                case "garbage":
                    with pytest.raises(ValueError, match=r"Expecting|codec"):
                        await lab.told()
                case "drop":
                    with pytest.raises((EOFError, ConnectionError)):
                        await lab.told()
                case _:
                    await served.bench.changes.until(lambda: served.bench.state == "running")
        served.faults.remove(fault)
        async with client(served) as lab:
            assert (await lab.ask("start"))["status"]["state"] == "running"


async def test_who_goes_away_in_the_middle_of_a_burst_is_forgotten_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ServedBench(PENDULUM, speed=5000) as served:
        for _ in range(5):
            async with client(served) as lab:
                await lab.ask("stream")
                await lab.ask("start")
                await lab.until_samples(5)
                lab.writer.transport.abort()
            await served.bench.changes.until(lambda: served.connections == 0)
    assert caplog.messages == []


async def test_all_are_cut_off_when_the_cable_is_pulled_and_the_run_goes_on() -> None:
    async with fast() as served, client(served) as lab:
        await lab.ask("start")
        served.hang_up()
        with pytest.raises((EOFError, ConnectionError)):
            await lab.told()
        went_on = served.bench.run.next_n
        await served.bench.changes.until(lambda: served.bench.run.next_n > went_on + 10)


DIVERGES = """
from simulators.lab.experiment import Experiment, Instrument, Output, Subject
from simulators.lab.motion import Still

EXPERIMENT = Experiment(
    vi="Hỏng", en="Breaks", subject=Subject.PHYSICS, parameters=(), motion=Still(),
    outputs=(Output("x_m", "m", "x", "x", Instrument("thước", "ruler", 1, 0)),),
    measure=lambda t, state, p: {"x_m": 1 / (0.5 - t)},
)
"""


async def test_a_model_that_breaks_stops_its_bench_with_the_reason_until_it_is_reset(tmp_path: Path) -> None:
    file = tmp_path / "breaks.py"
    file.write_text(DIVERGES)
    async with fast(found=find(str(file))) as served, client(served) as lab:
        await lab.ask("stream")
        await lab.ask("start")
        await served.bench.changes.until(lambda: served.bench.fault != "")
        status = (await lab.ask("status"))["status"]
        assert (status["state"], status["next_n"]) == ("paused", 10)
        assert "t = 0.5 s" in status["fault"]
        assert (await lab.ask("start"))["error"] == "fault"
        assert "fault" not in (await lab.ask("reset"))["status"]
        assert (await lab.ask("start"))["ok"]
