"""A run: what counts when, what an instrument shows, and where a motion ends."""

import math

import numpy as np
import pytest

from simulators.experiments import find
from simulators.lab.experiment import Effect, Experiment, Instrument, Number, Output, Subject, numbers
from simulators.lab.motion import Diverged, Flow, State, Still
from simulators.lab.run import Run
from simulators.lab.settings import Settings


def made(instrument: Instrument, motion: Flow | Still, **more: float) -> Experiment:
    """A quantity `x` that is 3 unless something moves."""
    return Experiment(
        vi="Thử", en="Trial", subject=Subject.PHYSICS, motion=motion,
        parameters=(Number("speed_m_s", "m/s", -1e9, 1e9, more.get("speed", 1), "Tốc độ", "Speed"),),
        outputs=(Output("x_m", "m", "x", "x", instrument),),
        measure=lambda t, state, p: {"x_m": float(state[0]) if state.size else 3.0},
    )  # fmt: skip


def moving(t: float, state: State, p: Settings) -> State:
    return numbers(p["speed_m_s"])


STEADY = Flow(lambda p: numbers(0.0), moving)
EXACT = Instrument("thước", "ruler", 1e-6, 0)


def test_a_control_counts_at_once_and_a_setup_from_the_next_reset() -> None:
    run = Run(find("pendulum").experiment, rate_hz=20, ideal=True)
    assert run.set("release_angle_deg", 10) is Effect.AT_ONCE, "nothing has begun yet"
    assert run.sample().values["angle_deg"] == pytest.approx(10)
    assert run.set("release_angle_deg", 90) is Effect.AT_RESET
    assert run.settings["release_angle_deg"] == 10
    assert run.set("length_m", 2) is Effect.AT_ONCE
    assert run.sample().values["angle_deg"] < 10
    run.reset()
    assert run.sample().values["angle_deg"] == pytest.approx(90)
    assert run.settings["length_m"] == 2


def test_a_control_counts_from_the_last_sample_on() -> None:
    run = Run(made(EXACT, STEADY), rate_hz=10)
    for _ in range(11):
        at_1_s = run.sample()
    assert (at_1_s.n, at_1_s.t_s, at_1_s.values["x_m"]) == (10, 1.0, 1.0)
    run.set("speed_m_s", -3)
    assert [run.sample().values["x_m"] for _ in range(3)] == pytest.approx([0.7, 0.4, 0.1])


def test_a_reset_takes_the_same_seed_unless_it_is_given_another() -> None:
    run = Run(made(Instrument("thước", "ruler", 0.001, 0.1), Still()), seed=5)
    first = [run.sample().values["x_m"] for _ in range(50)]
    run.reset()
    assert [run.sample().values["x_m"] for _ in range(50)] == first
    run.reset(6)
    assert [run.sample().values["x_m"] for _ in range(50)] != first


def test_an_instrument_rounds_and_has_the_noise_that_it_declares() -> None:
    """Mean within 4 standard errors, deviation within 3 %, over 5,000 readings."""
    run = Run(made(Instrument("thước", "ruler", 0.25, 1.5, rate_hz=100), Still()), seed=3, rate_hz=100)
    readings = np.array([run.sample().values["x_m"] for _ in range(5000)])
    assert (readings % 0.25 == 0).all()
    assert readings.mean() == pytest.approx(3, abs=4 * 1.5 / math.sqrt(5000))
    assert readings.std() == pytest.approx(math.hypot(1.5, 0.25 / math.sqrt(12)), rel=0.03)


def test_an_instrument_shows_its_last_reading_until_it_reads_again() -> None:
    run = Run(made(Instrument("thước", "ruler", 1e-6, 0.1, rate_hz=5), STEADY), rate_hz=20)
    readings = [run.sample().values["x_m"] for _ in range(12)]
    assert [len(set(readings[n : n + 4])) for n in (0, 4, 8)] == [1, 1, 1]
    assert len(set(readings)) == 3


def test_an_instrument_shows_the_end_of_its_scale_also_when_it_is_ideal() -> None:
    small = Instrument("thước", "ruler", 0.1, 0, low=-1, high=2)
    assert Run(made(small, Still())).sample().values == {"x_m": 2.0}
    assert Run(made(small, Still()), ideal=True).sample().values == {"x_m": 2.0}


def test_a_motion_ends_between_two_samples_and_its_time_stands() -> None:
    run = Run(find("free-fall").experiment, {"drop_height_m": 4.9, "air_density_kg_m3": 0}, rate_hz=3, ideal=True)
    for _ in range(10):
        sample = run.sample()
    assert sample.values["fall_s"] == pytest.approx(math.sqrt(2 * 4.9 / 9.80665), rel=1e-9)
    run.set("gravity_m_s2", 1)
    assert run.sample().values == sample.values, "what has landed does not fall on"


def test_an_end_that_was_ahead_is_forgotten_when_a_control_changes_it() -> None:
    """The integrator steps far ahead of the samples: a stone that would land does not when it turns."""
    flow = Flow(lambda p: numbers(1.0), moving, ends=lambda t, state, p: float(state[0]))
    run = Run(made(EXACT, flow, speed=-1), rate_hz=10)
    for _ in range(9):
        run.sample()
    run.set("speed_m_s", 2)
    assert [run.sample().values["x_m"] for _ in range(20)][-1] == pytest.approx(0.2 + 2 * 2.0)


@pytest.mark.parametrize("speed", [1.3e-155, 5e-324, 1e-101, -1e-160, 1e-99])
def test_a_rate_of_almost_nothing_is_no_trouble(speed: float) -> None:
    run = Run(made(EXACT, STEADY, speed=speed), rate_hz=10)
    assert {run.sample().values["x_m"] for _ in range(30)} == {0.0}


def blow_up(t: float, state: State, p: Settings) -> State:
    return numbers(state[0] ** 2 + 1)


@pytest.mark.parametrize(
    "motion",
    [
        Flow(lambda p: numbers(1.0), blow_up),
        Flow(lambda p: numbers(1 / 0), moving),
        Flow(lambda p: numbers(1.0), lambda t, state, p: numbers(math.nan)),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_model_that_leaves_the_numbers_has_diverged(motion: Flow) -> None:
    run = Run(made(EXACT, motion), rate_hz=1)
    with pytest.raises(Diverged):
        [run.sample() for _ in range(10)]


def test_a_word_is_not_read_as_a_number_nor_the_reverse() -> None:
    p = find("rc-circuit").experiment.settings()
    with pytest.raises(TypeError, match="choice"):
        p["switch"]
    with pytest.raises(TypeError, match="number"):
        p.choice("source_v")
