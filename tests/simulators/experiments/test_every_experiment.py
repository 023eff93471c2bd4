"""Every experiment, found as the bench finds it: declared, tested against physics, finite, and the same each time."""

import ast
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import experiments
from simulators.experiments import Found, UnknownExperiment
from simulators.lab.experiment import Choice, Experiment, Number, WrongParameter
from simulators.lab.page import markdown
from simulators.lab.run import Run

TESTS = Path(__file__).parent
DOCS = Path(__file__).parents[3] / "docs"
CURRICULUM = {
    "pendulum", "spring", "projectile", "free-fall", "rc-circuit", "rlc-circuit", "ohms-law", "resistor-network",
    "thin-lens", "refraction", "ideal-gas", "calorimetry", "radioactive-decay", "photoelectric", "titration",
    "reaction-kinetics", "enzyme-kinetics", "population", "predator-prey", "mendelian-cross", "climate",
}  # fmt: skip
TOLERANCE = re.compile(r"within|exact|chi_square|constant|proportion", re.IGNORECASE)
each = pytest.mark.parametrize("name", experiments.names())


def lacks(found: Found, tests: Path = TESTS) -> list[str]:
    """What is missing of an experiment and what comes with it."""
    experiment, wrong = found.experiment, []
    wrong += [f"its docstring has no '{word}'" for word in ("Equations:", "Source:") if word not in found.about]
    named: list[tuple[str, Any]] = [("experiment", experiment), *((one.name, one) for one in experiment.parameters)]
    named += [(one.name, one) for one in experiment.outputs]
    for name, one in named:
        if not one.vi.strip() or not one.en.strip():
            wrong.append(f"{name} has no name in Vietnamese and English")
    for parameter in experiment.parameters:
        if isinstance(parameter, Number) and not -math.inf < parameter.low < parameter.high < math.inf:
            wrong.append(f"{parameter.name} has no range")
        if isinstance(parameter, Choice) and len(parameter.options) < 2:
            wrong.append(f"{parameter.name} is no choice")
    for output in experiment.outputs:
        instrument = output.instrument
        if not (instrument.resolution > 0 and instrument.sd >= 0 and instrument.rate_hz > 0 and instrument.vi):
            wrong.append(f"{output.name} has no declared instrument")
    return [*wrong, *_lacks_of_tests(tests / f"test_{found.name.replace('-', '_')}.py")]


def _lacks_of_tests(file: Path) -> list[str]:
    if not file.is_file():
        return [f"there is no {file.name}"]
    tests = [
        one for one in ast.parse(file.read_text()).body
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    ]  # fmt: skip
    stated = [one for one in tests if TOLERANCE.search(f"{one.name} {ast.get_docstring(one) or ''}")]
    return [] if len(stated) >= 2 else [f"{file.name} has no two tests of its physics that state a tolerance"]


def values_of(parameter: Number | Choice) -> st.SearchStrategy[Any]:
    if isinstance(parameter, Choice):
        return st.sampled_from(list(parameter.options))
    return st.floats(parameter.low, parameter.high) | st.sampled_from([parameter.low, parameter.high])


def settings_of(experiment: Experiment) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({one.name: values_of(one) for one in experiment.parameters})


def test_the_curriculums_list_is_found() -> None:
    assert set(experiments.names()) >= CURRICULUM
    assert all(found.name == name for found, name in zip(experiments.every(), experiments.names(), strict=True))


@each
def test_an_experiment_has_names_units_ranges_a_source_and_physics_tests(name: str) -> None:
    assert lacks(experiments.find(name)) == []


BARE = """
from simulators.lab.experiment import Experiment, Instrument, Number, Output, Subject
from simulators.lab.motion import Still

EXPERIMENT = Experiment(
    vi="", en="Bare", subject=Subject.PHYSICS,
    parameters=(Number("length_m", "m", 1, 1, 1, "", "Length"),),
    outputs=(Output("double_m", "m", "Gấp đôi", "Twice", Instrument("", "", 1, 0)),),
    motion=Still(), measure=lambda t, state, p: {"double_m": 2 * p["length_m"]},
)
"""


def test_one_that_has_none_of_it_does_not_pass(tmp_path: Path) -> None:
    file = tmp_path / "bare.py"
    file.write_text(BARE)
    assert lacks(experiments.find(str(file)), tmp_path) == [
        "its docstring has no 'Equations:'",
        "its docstring has no 'Source:'",
        "experiment has no name in Vietnamese and English",
        "length_m has no name in Vietnamese and English",
        "length_m has no range",
        "double_m has no declared instrument",
        "there is no test_bare.py",
    ]
    (tmp_path / "test_bare.py").write_text("def test_it_is_twice(): ...\n")
    assert lacks(experiments.find(str(file)), tmp_path)[-1].startswith("test_bare.py has no two tests")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BARE.replace('"length_m", "m"', '"length", "m"'), "its name must end in '_m'"),
        (BARE.replace('"double_m", "m"', '"double_m", ""'), "has no unit"),
        (BARE.replace("1, 1, 1,", "1, 5, 9,"), "length_m is a number from 1 to 5 m, not 9"),
        (BARE.replace('"length_m"', '"Length m"'), "must be of a-z"),
        (BARE.replace("EXPERIMENT", "OTHER"), "has no EXPERIMENT"),
        (BARE.replace("Still()", "Standing()"), "Standing"),
        ("def (", "invalid syntax"),
    ],
)
def test_a_teachers_file_with_a_mistake_is_refused_with_the_mistake(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UnknownExperiment, match=re.escape(words)):
        experiments.find(str(file))


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UnknownExperiment, match=r"no experiment 'pendulums'; there are: .*pendulum"):
        experiments.find("pendulums")
    with pytest.raises(UnknownExperiment, match="no file"):
        experiments.find("nowhere.py")
    assert experiments.find("free_fall").name == "free-fall"


@each
@settings(max_examples=40)
@given(data=st.data())
def test_any_parameters_in_range_give_finite_outputs_also_when_turned_in_mid_run(
    name: str, data: st.DataObject
) -> None:
    experiment = experiments.find(name).experiment
    run = Run(experiment, data.draw(settings_of(experiment)), seed=data.draw(st.integers(0, 2**32)), rate_hz=5)
    for _ in range(3):
        for sample in [run.sample() for _ in range(10)]:
            assert list(sample.values)[-len(experiment.outputs) :] == [one.name for one in experiment.outputs]
            assert all(type(value) is float and math.isfinite(value) for value in sample.values.values())
        turned = data.draw(st.sampled_from(experiment.parameters))
        run.set(turned.name, data.draw(values_of(turned)))


@each
@settings(max_examples=10)
@given(data=st.data())
def test_the_same_seed_gives_the_same_run_bit_for_bit(name: str, data: st.DataObject) -> None:
    """Also when parameters are turned, and after a reset; and at half the rate, each second sample of it."""
    experiment = experiments.find(name).experiment
    given_settings, turned = data.draw(settings_of(experiment)), data.draw(st.sampled_from(experiment.parameters))
    value, seed = data.draw(values_of(turned)), data.draw(st.integers(0, 2**32))

    def samples(run: Run, every: int) -> list[dict[str, float]]:
        taken = [dict(run.sample().values) for _ in range(20 // every + 1)]
        run.set(turned.name, value)
        return taken + [dict(run.sample().values) for _ in range(20 // every)]

    run = Run(experiment, given_settings, seed, 20)
    first = samples(run, 1)
    assert first == samples(Run(experiment, given_settings, seed, 20), 1)
    assert first[::2] == samples(Run(experiment, given_settings, seed, 10), 2)
    run.wanted = experiment.settings(given_settings)
    run.reset()
    assert first == samples(run, 1)


@each
def test_another_seed_is_another_run(name: str) -> None:
    """Unless nothing of it is left to chance."""
    experiment = experiments.find(name).experiment
    chance = any(one.instrument.sd > 0 for one in experiment.outputs) or name in (
        "radioactive-decay",
        "mendelian-cross",
    )
    one, other = ([run.sample().values for _ in range(100)] for run in (Run(experiment, seed=n) for n in (1, 2)))
    assert (one != other) is chance


@each
def test_a_value_out_of_range_is_refused_and_changes_nothing(name: str) -> None:
    experiment = experiments.find(name).experiment
    run = Run(experiment)
    before = dict(run.wanted.values)
    for one in experiment.parameters:
        wrong: list[Any] = [math.nan, math.inf, -math.inf, True, None, [], "no such"]
        if isinstance(one, Number):
            wrong += [math.nextafter(one.low, -math.inf), math.nextafter(one.high, math.inf), str(one.default)]
        for value in wrong:
            with pytest.raises(WrongParameter, match=re.escape(f"{one.name} is {one.right}, not ")) as refused:
                run.set(one.name, value)
            assert refused.value.parameter == one.name
    assert run.wanted.values == before


def test_the_docs_page_is_what_the_experiments_say() -> None:
    """`python -m simulators.lab.page > docs/experiments.md` writes it."""
    assert (DOCS / "experiments.md").read_text() == markdown(experiments.every())
