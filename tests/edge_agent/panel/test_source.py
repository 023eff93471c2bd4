"""The panel's files as they are: read by browsers of 2018, nothing parsed as HTML, words for every code."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import esprima
import pytest

from classroom_profiles.capability import WORDS, Capability
from classroom_profiles.plan import Missing
from classroom_profiles.profile import Icon
from classroom_profiles.reading import HealthState
from classroom_profiles.role import ROLE_NAMES, Role
from firmware_bridge.driver import names
from firmware_bridge.errors import DeviceError
from tests.edge_agent.panel.stand_in import PANEL

API = Path(__file__).parents[3] / "docs" / "api.md"
VENDORED = {"uplot.js": "94e1c3e9", "uplot.css": "37d952f0", "uplot.LICENSE.txt": "8f989229"}
"""Files of others, unchanged, with the beginnings of their sums in uplot.NOTE.txt."""
READ = sorted(PANEL.glob("*.js"))
SCRIPTS = [script for script in READ if script.name not in VENDORED]
PAGES = {name: (PANEL / name).read_text(encoding="utf-8") for name in ("index.html", "lab.html", "robots.html")}
STYLES = {name: (PANEL / name).read_text(encoding="utf-8") for name in ("panel.css", "lab.css", "robots.css")}

PARSED_AS_HTML = {"innerHTML", "outerHTML", "insertAdjacentHTML", "write", "writeln", "DOMParser", "eval", "Function"}
PARSED_AS_HTML |= {"createContextualFragment", "setHTML", "srcdoc"}
NEWER_GLOBALS = {"AbortController", "ResizeObserver", "globalThis", "queueMicrotask", "structuredClone", "BigInt"}
NEWER_METHODS = {
    *("allSettled", "any", "at", "finally", "findLast", "flat", "flatMap", "fromEntries", "hasOwn", "matchAll"),
    *("randomUUID", "replaceAll", "replaceChildren", "showModal", "toSorted", "trimEnd", "trimStart"),
}
"""What came after Chrome 61 and is easily written by habit."""
NEWER_STYLE = (
    r"(?<!-)\bgap:|:is\(|:where\(|:has\(|\binset:|clamp\(|\bmin\(|\bmax\(|aspect-ratio|\d[dsl]vh|color-mix|@layer"
)


@pytest.fixture(scope="module")
def vietnamese() -> dict[str, Any]:
    return dictionary("words_vi.js") | dictionary("words_lab_vi.js") | dictionary("words_robots_vi.js")


@pytest.fixture(scope="module")
def english() -> dict[str, Any]:
    return dictionary("words_en.js") | dictionary("words_lab_en.js") | dictionary("words_robots_en.js")


def test_the_charts_are_the_pinned_files_of_others_and_a_browser_of_2018_reads_them() -> None:
    note = (PANEL / "uplot.NOTE.txt").read_text(encoding="utf-8")
    for name, begins in VENDORED.items():
        found = hashlib.sha256((PANEL / name).read_bytes()).hexdigest()
        assert found.startswith(begins)
        assert re.search(rf"{re.escape(name)}\s.*{found}", note), name
    tree(PANEL / "uplot.js")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_browser_of_2018_reads_every_script(script: Path) -> None:
    for node in nodes(tree(script)):
        assert node.type != "Import", "import() came with Chrome 63"
        if node.type in ("ObjectExpression", "ObjectPattern"):
            kinds = {part.type for part in node.properties}
            assert kinds <= {"Property"}, f"spread in an object is of ES2018: line {node.loc.start.line}"
        if node.type == "Identifier":
            assert node.name not in NEWER_GLOBALS, f"{node.name}: line {node.loc.start.line}"
        if node.type == "MemberExpression" and not node.computed:
            assert node.property.name not in NEWER_METHODS, f"{node.property.name}: line {node.loc.start.line}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_script_parses_text_as_html_or_code(script: Path) -> None:
    for node in nodes(tree(script)):
        if node.type in ("Identifier", "Literal"):
            name = node.name if node.type == "Identifier" else node.value
            assert name not in PARSED_AS_HTML, f"{name}: line {node.loc.start.line}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_is_small_and_says_what_it_is(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert re.match(r"//|/\*", text)
    if not script.name.startswith("words_"):
        assert len(text.splitlines()) < 500
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("style", STYLES.values(), ids=list(STYLES))
def test_a_browser_of_2018_reads_the_style(style: str) -> None:
    without_comments = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    assert re.findall(NEWER_STYLE, without_comments) == []
    assert without_comments.count("{") == without_comments.count("}")
    assert "@import" not in style
    assert "url(" not in style


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_the_page_needs_nothing_but_its_own_folder_and_no_exception_from_the_policy(page: str) -> None:
    for address in re.findall(r'(?:src|href)="([^"#]+)"', page):
        assert (PANEL / address).is_file(), address
    for script in SCRIPTS:
        for address in re.findall(r'from "\./([^"]+)"', script.read_text(encoding="utf-8")):
            assert (PANEL / address).is_file(), f"{script.name}: {address}"
    assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", page)


def test_every_tile_and_every_device_has_a_picture() -> None:
    pictures = pictures_of("index.html")
    assert {str(one) for one in Icon} | {str(one) for one in Role} | asked_from("panel.js") <= pictures
    assert asked_from("lab.js") <= pictures_of("lab.html")
    assert asked_from("robots.js") <= pictures_of("robots.html")


def test_both_languages_say_the_same_things(vietnamese: dict[str, Any], english: dict[str, Any]) -> None:
    def shape(words: dict[str, Any]) -> dict[str, Any]:
        return {section: {key: blanks(text) for key, text in said.items()} for section, said in words.items()}

    assert shape(vietnamese) == shape(english)


def test_every_word_that_is_asked_for_exists(vietnamese: dict[str, Any]) -> None:
    for script in SCRIPTS:
        for section, key in re.findall(r'\bt\("(\w+)\.([\w-]+)"[,)]', script.read_text(encoding="utf-8")):
            assert key in vietnamese[section], f"{script.name}: {section}.{key}"


def test_every_code_of_the_api_is_a_sentence_and_mostly_an_advice(vietnamese: dict[str, Any]) -> None:
    text = API.read_text(encoding="utf-8")
    section = text[text.index("## Errors") : text.index("## The room")]
    codes = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", section))
    assert {"unreachable", "busy", "wrong-pin"} <= codes
    errors: list[type[DeviceError]] = [DeviceError, *DeviceError.__subclasses__()]
    codes |= {error.code for error in errors} | {str(why) for why in Missing}
    assert codes <= set(vietnamese["errors"])
    without_advice = {code for code in codes if not vietnamese["errors"][code][1]}
    assert without_advice == {"left-out", "no-lesson"}


def test_every_driver_has_a_wire_to_look_at(vietnamese: dict[str, Any]) -> None:
    text = (PANEL / "words.js").read_text(encoding="utf-8")
    table = text.partition("WIRE_OF_DRIVER = {")[2].partition("};")[0]
    wires = dict(re.findall(r'"?([a-z-]+)"?: "(\w+)"', table))
    assert set(names()) <= set(wires)
    assert set(wires.values()) <= set(vietnamese["wires"])


def test_every_state_has_words(vietnamese: dict[str, Any]) -> None:
    assert set(vietnamese["health"]) == {str(one) for one in HealthState}
    assert set(vietnamese["lesson"]) > {"preflight", "running", "ready", "failed", "blocked", "undoing", "undone"}
    assert set(vietnamese["line"]) > {"already", "not-tried", "undone", "undo-failed"}


def test_every_reason_of_a_loss_is_said_in_words(vietnamese: dict[str, Any]) -> None:
    assert {kind.reason for kind in kinds_of(DeviceError)} | {"driver", "not-opened"} <= set(vietnamese["reasons"])


def test_roles_are_called_as_in_the_rest_of_the_house(vietnamese: dict[str, Any], english: dict[str, Any]) -> None:
    assert vietnamese["roles"] == {str(role): name.vi for role, name in ROLE_NAMES.items()}
    assert english["roles"] == {str(role): name.en for role, name in ROLE_NAMES.items()}


def test_every_command_of_the_built_in_profiles_can_be_told_in_words(vietnamese: dict[str, Any]) -> None:
    moves = vietnamese["moves"]
    assert all(len(tenses) == 4 for tenses in moves.values())
    flags = [f"{capability}:{value}" for capability in ("power", "switch", "camera") for value in ("true", "false")]
    words = [f"{capability}:{word}" for capability, closed in WORDS.items() for word in closed]
    open_ended = [str(one) for one in (Capability.LEVEL, Capability.INPUT, Capability.PROGRAM)]
    assert {*flags, *words, *open_ended} <= set(moves)
    assert {*flags, *words} <= set(vietnamese["states"])


def pictures_of(page: str) -> set[str]:
    return set(re.findall(r'<symbol id="icon-([a-z0-9-]+)"', PAGES[page]))


def asked_from(name: str) -> set[str]:
    """The pictures of a script, and of all that it imports."""
    waiting, seen, asked = [name], set[str](), set[str]()
    while waiting:
        text = (PANEL / (one := waiting.pop())).read_text(encoding="utf-8")
        seen.add(one)
        asked |= set(re.findall(r'(?:icon\(|icon: )"([a-z0-9-]+)"', text))
        waiting += [other for other in re.findall(r'from "\./([^"]+)"', text) if other not in seen]
    return asked


def kinds_of(kind: type[DeviceError]) -> set[type[DeviceError]]:
    """Of the house, not of its drivers."""
    below = [one for one in kind.__subclasses__() if one.__module__ == DeviceError.__module__]
    return {kind}.union(*map(kinds_of, below))


def tree(script: Path) -> Any:
    """Raises esprima.Error for what is newer than ES2017."""
    text = script.read_text(encoding="utf-8")
    parse = esprima.parseModule if re.search(r"^(import|export) ", text, re.MULTILINE) else esprima.parseScript
    return parse(text, loc=True)


def nodes(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for one in node:
            yield from nodes(one)
    elif hasattr(node, "type"):
        yield node
        for child in vars(node).values():
            if isinstance(child, list) or hasattr(child, "type"):
                yield from nodes(child)


def dictionary(name: str) -> dict[str, Any]:
    """The one object literal of a file of words."""
    declared = next(node for node in nodes(tree(PANEL / name)) if node.type == "VariableDeclarator")
    read: dict[str, Any] = literal(declared.init)
    return read


def literal(node: Any) -> Any:
    if node.type == "ObjectExpression":
        keys = [part.key.value if part.key.type == "Literal" else part.key.name for part in node.properties]
        assert len(keys) == len(set(keys)), f"a key twice: {keys}"
        return dict(zip(keys, (literal(part.value) for part in node.properties), strict=True))
    if node.type == "ArrayExpression":
        return [literal(element) for element in node.elements]
    return node.value


def blanks(text: Any) -> Any:
    if isinstance(text, list):
        return [blanks(one) for one in text]
    if isinstance(text, dict):
        return {key: blanks(one) for key, one in text.items()}
    return sorted(set(re.findall(r"\{(\w+)\}", text))) if isinstance(text, str) else text
