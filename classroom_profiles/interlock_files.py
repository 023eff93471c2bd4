"""The interlocks of a room's file: its own, those of built-in sets, and those of files beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from classroom_profiles import plain_words, yaml_tree
from classroom_profiles.interlock import Interlock, InterlockSet
from classroom_profiles.interlock_check import check
from classroom_profiles.offer import OfferOf
from classroom_profiles.problem import DocumentError, Loc, Problem, did_you_mean, field_name, shown
from classroom_profiles.room import Device
from classroom_profiles.yaml_tree import Tree

_HERE = Path(__file__).parent / "interlocks"
_Say = Callable[[Loc, str], Problem]
"""Makes a problem of what is wrong at a place within one rule."""


def builtin_sets() -> dict[str, Path]:
    """The sets that come with lophoc: name to file."""
    return {path.stem: path for path in sorted(_HERE.glob("*.yaml"))}


def load_set(path: Path | str) -> InterlockSet:
    """The set in the file. Raises DocumentError."""
    return plain_words.made(yaml_tree.read(Path(path)), InterlockSet)


def read(tree: Tree, offer_of: OfferOf) -> tuple[list[Problem], tuple[Interlock, ...]]:
    """All rules that the room's file has or names, and what is wrong with them in this room.

    What is wrong in the shape of the file's own rules is left to the room's model, which says it.
    """
    problems: list[Problem] = []
    rules: list[tuple[Interlock, _Say]] = []
    for number, written in enumerate(_list(tree.value.get("interlocks"))):
        try:
            rules.append((Interlock.model_validate(written), _in(tree, "interlocks", number)))
        except ValidationError:
            continue
    for place, name in enumerate(_list(tree.value.get("interlock_sets"))):
        if isinstance(name, str):
            rules += _of_set(tree, place, name, problems)
    devices, unread = _devices(tree)
    _, wrong = check(devices, [rule for rule, _ in rules], offer_of, unread)
    problems += [rules[one.rule][1](one.loc, one.message) for one in wrong]
    return problems, tuple(rule for rule, _ in rules)


def _of_set(tree: Tree, place: int, name: str, problems: list[Problem]) -> list[tuple[Interlock, _Say]]:
    if name.endswith(".yaml"):
        try:
            of_set = yaml_tree.read(Path(tree.file).parent / name)
            found = plain_words.made(of_set, InterlockSet)
        except DocumentError as wrong:
            problems += wrong.problems
            return []
        return [(rule, _in(of_set, "interlocks", number)) for number, rule in enumerate(found.interlocks)]
    path = builtin_sets().get(name)
    here = ("interlock_sets", place)
    if path is None:
        message = f"no set {shown(name)} is built in{did_you_mean(name, builtin_sets())}; or a file that ends in .yaml"
        problems.append(tree.problem(here, message))
        return []

    def say(loc: Loc, message: str) -> Problem:
        return tree.problem(here, f"{name}, {field_name(loc)}: {message}")

    return [(rule, say) for rule in load_set(path).interlocks]


def _in(tree: Tree, *rule: str | int) -> _Say:
    return lambda loc, message: tree.problem((*rule, *loc), message)


def _devices(tree: Tree) -> tuple[list[Device], set[str]]:
    """Those that can be read, and the ids of the others."""
    devices: list[Device] = []
    unread: set[str] = set()
    for written in _list(tree.value.get("devices")):
        try:
            devices.append(Device.model_validate(written))
        except ValidationError:
            unread.add(str(_mapping(written).get("id")))
    return devices, unread


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
