"""YAML text to plain values, each with its line and column. YAML 1.2's words: `on`, `off`, `yes`, `no` are texts.

PyYAML reads YAML 1.1, where `action: on` means true, `22:15` means 1335 and `2026-11-24` is a date. None of
that is what someone writes a room for, so only the core schema of YAML 1.2.2 (section 10.3) is taken.
"""

import codecs
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from classroom_profiles.problem import DocumentError, Loc, Problem, field_name, shown

MAX_BYTES = 1024 * 1024
MAX_VALUES = 20_000
"""Counted as written out, so that anchors repeated within anchors cannot fill the memory."""
MAX_DEPTH = 24
_MAX_DIGITS = 400

Place = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A file as read. `problems` are those that did not keep it from being read to its end."""

    file: str
    value: Any
    places: Mapping[Loc, Place]
    """Where each value begins."""
    keys: Mapping[Loc, Place]
    """Where the key of each value in a mapping is."""
    problems: tuple[Problem, ...] = ()

    def problem(self, loc: Loc, message: str, *, at_key: bool = False) -> Problem:
        """A problem of the value at `loc`; of what contains it where there is no such value."""
        there = loc
        while there not in self.places:
            there = there[:-1]
        line, column = self.keys[loc] if at_key and loc in self.keys else self.places[there]
        return Problem(self.file, line, column, field_name(loc), message)


def read(path: Path) -> Tree:
    """The file at `path`. Raises DocumentError."""
    file = str(path)
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as wrong:
        raise DocumentError([Problem(file, 1, 1, "", f"cannot be read: {wrong.strerror or wrong}")]) from wrong
    return parse(content, file)


def parse(content: bytes, file: str) -> Tree:
    """`content` as a mapping, its places under the name `file`. Raises DocumentError."""
    if len(content) > MAX_BYTES:
        raise DocumentError([Problem(file, 1, 1, "", f"longer than {MAX_BYTES // 1024} KiB; is this the right file?")])
    text = _text(content, file)
    root = _compose(text, file)
    if root is None:
        raise DocumentError([Problem(file, 1, 1, "", "is empty")])
    if not isinstance(root, yaml.MappingNode):
        line, column = _place(root)
        raise DocumentError([Problem(file, line, column, "", "must be 'field: value' lines, such as 'room: a101'")])
    writing = _Writing(file)
    value = writing.value(root, ())
    return Tree(file, value, writing.places, writing.keys, tuple(writing.problems))


def _text(content: bytes, file: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as wrong:
        before = content[: wrong.start].decode("utf-8", "replace")
        line, column = _place_after(before)
        raise DocumentError([Problem(file, line, column, "", "is not UTF-8 here; save the file as UTF-8")]) from None
    if odd := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line, column = _place_after(text[: odd.start()])
        message = f"a character that cannot be printed, U+{ord(odd[0]):04X}; delete it"
        raise DocumentError([Problem(file, line, column, "", message)])
    return text


def _place_after(text: str) -> Place:
    """Where the character stands that comes after `text`."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    line = bisect_right(starts, len(text))
    return line, len(text) - starts[line - 1] + 1


_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Core(_PARSER):  # type: ignore[misc]
    """The fastest loader there is, with the core schema's words."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own name


_TAG = "tag:yaml.org,2002:"
_CORE = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
]
for _word, _pattern, _first in _CORE:
    _Core.add_implicit_resolver(_TAG + _word, re.compile(rf"(?:{_pattern})\Z"), _first)


def _compose(text: str, file: str) -> yaml.Node | None:
    try:
        if deep := _too_deep(text):
            raise DocumentError([Problem(file, *deep, "", f"nested more than {MAX_DEPTH} deep")])
        found: yaml.Node | None = yaml.compose(text, Loader=_Core)
    except yaml.MarkedYAMLError as wrong:
        raise DocumentError([_syntax(wrong, text, file)]) from None
    except yaml.YAMLError as wrong:
        raise DocumentError([Problem(file, 1, 1, "", f"is not YAML: {_one_line(wrong)}")]) from None
    return found


def _too_deep(text: str) -> Place | None:
    """Where it is nested too deeply. Asked before composing, which calls itself and has no bound of its own.

    Newer LibYAML has a bound of its own, which it meets far ahead of the place that we would name.
    """
    try:
        return _deeper_than_may_be(text, _Core)
    except yaml.MarkedYAMLError as wrong:
        if "nesting depth" not in str(wrong.problem):
            raise
        return _deeper_than_may_be(text, yaml.SafeLoader)


def _deeper_than_may_be(text: str, parser: Any) -> Place | None:
    depth = 0
    for event in yaml.parse(text, Loader=parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return _place(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


_SYNTAX = [
    (r"unexpected end of stream|end of stream.*quot|quoted scalar", "a quote that is opened here is not closed"),
    (r"mapping values are not allowed", "a ':' that cannot be here; check the indentation, or put the text in quotes"),
    (r"could not find expected ':'", "a line without 'field: value'; check the lines above it"),
    (r"(undefined|undeclared) alias", "'*name' repeats what '&name' marked above, and nothing did"),
    (r"expected a single document|expected '<document start>'", "a second document; a file has one"),
    (r"cannot start any token", "a text that begins with this character needs quotes"),
    (
        r"expected key|'-' indicator|<block end>|block (mapping|collection|sequence)",
        "not indented like the lines above",
    ),
    (r"',' or '\]'|',' or '\}'|flow", "a '[' or '{' is not closed, or a ',' is missing"),
]


def _syntax(wrong: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = wrong.problem_mark or wrong.context_mark
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        return Problem(file, mark.line + 1, mark.column + 1, "", "a tab; indent with spaces")
    said = f"{wrong.context or ''} {wrong.problem or ''}"
    message = next((words for pattern, words in _SYNTAX if re.search(pattern, said)), f"is not YAML: {said.strip()}")
    if "quote" in message and wrong.context_mark is not None:
        mark = wrong.context_mark
    return Problem(file, *((mark.line + 1, mark.column + 1) if mark else (1, 1)), "", message)


def _one_line(wrong: Exception) -> str:
    return " ".join(str(wrong).split())[:120]


def _place(marked: Any) -> Place:
    return marked.start_mark.line + 1, marked.start_mark.column + 1


@dataclass(slots=True)
class _Writing:
    """Nodes written out as plain values, anchors repeated in full."""

    file: str
    places: dict[Loc, Place] = field(default_factory=dict)
    keys: dict[Loc, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def value(self, node: yaml.Node, loc: Loc) -> Any:
        if len(self.places) >= MAX_VALUES:
            raise DocumentError([self._problem(node, loc, f"more than {MAX_VALUES} values, anchors written out")])
        if len(loc) > MAX_DEPTH:
            raise DocumentError([self._problem(node, loc[:3], "an anchor that repeats itself, or nested too deeply")])
        self.places[loc] = _place(node)
        if isinstance(node, yaml.CollectionNode) and node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self.problems.append(self._problem(node, loc, f"tag {shown(node.tag.replace(_TAG, '!!'))}: not used here"))
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, loc)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*loc, number)) for number, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, loc)

    def _mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(self._problem(key_node, loc, "a field's name must be a text"))
                continue
            key = key_node.value
            there = (*loc, key)
            if key in found:
                line = self.keys[there][0]
                self.problems.append(self._problem(key_node, there, f"written twice; the first is in line {line}"))
                continue
            self.keys[there] = _place(key_node)
            found[key] = self.value(value_node, there)
        return found

    def _scalar(self, node: yaml.ScalarNode, loc: Loc) -> Any:
        word = node.tag.removeprefix(_TAG)
        text: str = node.value
        try:
            match word:
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int" if len(text) <= _MAX_DIGITS:
                    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
                case "float" if len(text) <= _MAX_DIGITS:
                    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except (ValueError, KeyError):
            self.problems.append(self._problem(node, loc, f"{shown(text)} is not what its tag '!!{word}' says"))
            return None
        message = (
            "a number of far too many digits"
            if word in ("int", "float")
            else f"tag {shown(node.tag.replace(_TAG, '!!'))}: not used here"
        )
        self.problems.append(self._problem(node, loc, message))
        return None

    def _problem(self, node: yaml.Node, loc: Loc, message: str) -> Problem:
        return Problem(self.file, *_place(node), field_name(loc), message)
