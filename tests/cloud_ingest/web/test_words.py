"""Every text is there in Vietnamese and in English, and every code of the centre has one."""

import re
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from string import Formatter

import pytest

from classroom_profiles.metrics import METRICS
from classroom_profiles.role import Role as DeviceRole
from cloud_ingest import web
from cloud_ingest.accounts.who import Act, Role
from cloud_ingest.alarms.alarm import AlarmState, Severity
from cloud_ingest.forecasts.forecast import Wear
from cloud_ingest.gaps import Reason
from cloud_ingest.gateways import State
from cloud_ingest.operations.rows import Health
from cloud_ingest.web import links, series_charts, shell
from cloud_ingest.web.markup import COLOURS, shape
from cloud_ingest.web.words import LANGUAGES, USUAL, WORDS, Words

SOURCES = Path(web.__file__).parent
SAID = re.compile(r"""say\(["']([^"']+)["']""")
BUILT_IN = [
    path.name.removesuffix(".yaml")
    for path in (resources.files("classroom_profiles") / "profiles").iterdir()
    if path.name.endswith(".yaml")
]
REFUSALS = ("format", "large", "key", "signature", "school", "serial", "old", "profiles", "timetable", "disk")
"""As docs/catalogue.md lists them."""
BUILT = re.compile(r'say\(f"([a-z-]+)\.\{')


def sources() -> Iterator[str]:
    return (path.read_text() for path in SOURCES.rglob("*.py"))


def test_no_text_is_missing_in_either_language() -> None:
    missing = [
        (key, language)
        for key, both in WORDS.items()
        for language, text in zip(LANGUAGES, both, strict=True)
        if not text
    ]
    assert len(missing) == 0, missing


def test_both_languages_fill_in_the_same_blanks() -> None:
    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    assert [key for key, (vi, en) in WORDS.items() if blanks(vi) != blanks(en)] == []


def test_every_text_that_a_page_says_is_there() -> None:
    said = {key for source in sources() for key in SAID.findall(source)}
    assert len(said) > 150
    assert sorted(said - WORDS.keys()) == []


def test_every_text_that_is_there_is_said_somewhere() -> None:
    said = {key for source in sources() for key in re.findall(r"""["']([a-z][a-z_0-9.-]*)["']""", source)}
    built = {start for source in sources() for start in BUILT.findall(source)}
    coded = set(re.findall(r"""of\(["']([a-z-]+)["']""", "\n".join(sources()))) | {"metric"}
    titles = {"not_found_title", "not_allowed_title"}
    unsaid = [key for key in WORDS if key not in said | titles and key.partition(".")[0] not in built | coded]
    assert unsaid == []


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("health", [one.value for one in Health]),
        ("state", [one.value for one in State]),
        ("state-means", [*(one.value for one in State), "unknown"]),
        ("reason", [one.value for one in State if one is not State.WORKING]),
        ("role", [one.value for one in DeviceRole]),
        ("rank", [*(one.value for one in Role), "key"]),
        ("act", [one.value for one in Act]),
        ("severity", [one.word for one in Severity]),
        ("alarm", [one.value for one in AlarmState]),
        ("gap", [one.value for one in Reason]),
        ("span", [length.code for length in series_charts.LENGTHS]),
        ("way", [way.name for group in shell.WAYS for way in group.ways]),
        ("profile", BUILT_IN),
        ("wear", [one.value for one in Wear]),
        ("refusal", REFUSALS),
    ],
)  # fmt: skip
def test_every_code_has_words(kind: str, codes: Iterable[str]) -> None:
    assert [code for code in codes if f"{kind}.{code}" not in WORDS] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_of_the_house_has_a_name_of_its_own(language: str) -> None:
    say = Words(language)
    for metric in METRICS:
        name = metric.name.replace("*", "2")
        assert "_" not in say.metric(name), name
        assert say.metric(name), name


def test_a_strange_code_is_shown_as_it_is_and_a_strange_language_is_the_usual_one() -> None:
    say = Words("fr")
    assert say.language == USUAL
    assert say.of("role", "coffee-machine") == "coffee machine"
    assert say.metric("coffee_temperature_c") == "coffee temperature"


def test_states_differ_in_shape_where_they_share_a_colour() -> None:
    some = [one.value for one in State]
    assert len({str(shape(code)) for code in some}) == len(some)
    for colour in ("down", "faulty"):
        shapes = {str(shape(code)) for code in some if COLOURS.get(code) == colour}
        assert len(shapes) >= 2


def test_the_api_is_asked_below_its_own_address_only() -> None:
    assert links.SCHOOLS_ON_MAP.startswith(links.API)
