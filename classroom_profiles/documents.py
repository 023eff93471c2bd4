"""Room and profile files: YAML in, validated models out, or everything that is wrong with them, each with its place."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from classroom_profiles import plain_words, yaml_tree
from classroom_profiles.model import Model
from classroom_profiles.offer import OfferOf, nothing_known
from classroom_profiles.problem import DocumentError, Loc, Problem, did_you_mean, shown
from classroom_profiles.profile import Profile, misordered
from classroom_profiles.room import Device, Room, misnamed
from classroom_profiles.wiring import AddressOf, miswired, nowhere_known
from classroom_profiles.yaml_tree import Tree

__all__ = [
    "DocumentError",
    "Problem",
    "builtin_profiles",
    "check_room",
    "load_profile",
    "load_room",
    "parse_profile",
    "profiles_in",
    "sample_rooms",
]

SHOWN_ORDER = (
    "lecture",
    "group-work",
    "stem-robotics",
    "lab-experiment",
    "exam",
    "distance-lesson",
    "community-class",
    "break",
    "end-of-day",
    "emergency",
)
"""The built-in profiles as a panel shows them."""

_HERE = Path(__file__).parent
ModelT = TypeVar("ModelT", bound=Model)
OptionsOf = Callable[[str], type[BaseModel]]
"""From a driver's name to the model of its options. Raises LookupError with what to say if it cannot be had."""


def load_room(path: Path | str) -> Room:
    """The room in the file. Raises DocumentError."""
    return check_room(path)


def load_profile(path: Path | str) -> Profile:
    """The profile in the file. Raises DocumentError."""
    return _profile(yaml_tree.read(Path(path)))


def parse_profile(content: bytes, file: str) -> Profile:
    """The profile in `content`, whose problems are named under `file`. Raises DocumentError."""
    return _profile(yaml_tree.parse(content, file))


def _profile(tree: Tree) -> Profile:
    return _model(tree, Profile, _steps_out_of_order(tree))


def check_room(
    path: Path | str,
    *,
    profiles: Collection[str] | None = None,
    drivers: Collection[str] | None = None,
    options_of: OptionsOf | None = None,
    offer_of: OfferOf = nothing_known,
    address_of: AddressOf = nowhere_known,
) -> Room:
    """The room in the file, its names held against each other and against what else is known.

    `profiles`: the ids that a trigger may start. `drivers`: the names that a device may give. `options_of`: asked
    once for each driver that is known. `offer_of`: what a device would take. `address_of`: where on its wire it is.
    Raises DocumentError with all that is wrong.
    """
    tree = yaml_tree.read(Path(path))
    problems = _names_apart(tree)
    if profiles is not None:
        problems += _unknown_profiles(tree, profiles)
    problems += _wrong_options(tree, drivers, options_of)
    wired = miswired(_right_in_themselves(tree), address_of, offer_of)
    problems += [tree.problem(loc, message) for loc, message in wired]
    return _model(tree, Room, problems)


def profiles_in(directory: Path | str) -> tuple[Profile, ...]:
    """The profiles of all `*.yaml` files in a directory, by file name. Raises DocumentError for all files at once."""
    found: dict[str, tuple[Path, Profile]] = {}
    problems: list[Problem] = []
    for path in sorted(Path(directory).glob("*.yaml")):
        try:
            profile = load_profile(path)
        except DocumentError as wrong:
            problems += wrong.problems
            continue
        if profile.id in found:
            problems.append(Problem(str(path), 1, 1, "id", f"'{profile.id}' is in {found[profile.id][0].name} already"))
        found.setdefault(profile.id, (path, profile))
    if problems:
        raise DocumentError(problems)
    return tuple(profile for _, profile in found.values())


@cache
def builtin_profiles() -> tuple[Profile, ...]:
    """The profiles that come with lophoc, in the order to show them."""
    return tuple(load_profile(_HERE / "profiles" / f"{name}.yaml") for name in SHOWN_ORDER)


def sample_rooms() -> dict[str, Path]:
    """The rooms that come with lophoc as examples: name to file."""
    return {path.stem: path for path in sorted((_HERE / "rooms").glob("*.yaml"))}


def _model(tree: Tree, model: type[ModelT], problems: Iterable[Problem]) -> ModelT:
    """Raises DocumentError with what reading found, what `problems` has, and what the model says."""
    every = [*tree.problems, *problems]
    try:
        made = model.model_validate(tree.value)
    except ValidationError as wrong:
        unread = {(problem.line, problem.column) for problem in tree.problems}
        said = [p for p in plain_words.problems(tree, wrong, model) if (p.line, p.column) not in unread]
        # what a model says of itself as a whole has been said above, with its place
        every += [problem for problem in said if problem.field or not every]
    else:
        if not every:
            return made
    raise DocumentError(every)


def _steps_out_of_order(tree: Tree) -> list[Problem]:
    steps = [_mapping(step) for step in _list(tree.value.get("steps"))]
    named = [(step.get("id"), _list(step.get("after"))) for step in steps]
    return [tree.problem(loc, message) for loc, message in misordered(named)]


def _names_apart(tree: Tree) -> list[Problem]:
    devices = [_mapping(device).get("id") for device in _list(tree.value.get("devices"))]
    triggers = [_mapping(trigger) for trigger in _list(tree.value.get("triggers"))]
    named = [(_mapping(t.get("when")).get("device"), _mapping(t.get("then")).get("device")) for t in triggers]
    return [tree.problem(loc, message) for loc, message in misnamed(devices, named)]


def _unknown_profiles(tree: Tree, profiles: Collection[str]) -> list[Problem]:
    found = []
    for number, trigger in enumerate(_list(tree.value.get("triggers"))):
        profile = _mapping(_mapping(trigger).get("then")).get("profile")
        if isinstance(profile, str) and profile not in profiles:
            message = f"unknown profile {shown(profile)}{did_you_mean(profile, profiles)}"
            found.append(tree.problem(("triggers", number, "then", "profile"), message))
    return found


def _wrong_options(tree: Tree, drivers: Collection[str] | None, options_of: OptionsOf | None) -> list[Problem]:
    found = []
    for number, device in enumerate(_list(tree.value.get("devices"))):
        driver, here = _mapping(device).get("driver"), ("devices", number)
        if not isinstance(driver, str):
            continue
        if drivers is not None and driver not in drivers:
            message = f"unknown driver {shown(driver)}{did_you_mean(driver, drivers)}"
            found.append(tree.problem((*here, "driver"), message))
        elif options_of is not None:
            found += _wrong_in_options(tree, here, driver, _mapping(device).get("options", {}), options_of)
    return found


def _wrong_in_options(tree: Tree, here: Loc, driver: str, options: object, options_of: OptionsOf) -> list[Problem]:
    if not isinstance(options, dict):
        return []  # the room's own model says so
    try:
        model = options_of(driver)
    except LookupError as wrong:
        return [tree.problem((*here, "driver"), str(wrong.args[0] if wrong.args else wrong))]
    try:
        model.model_validate(options)
    except ValidationError as wrong:
        return plain_words.problems(tree, wrong, model, (*here, "options"))
    return []


def _right_in_themselves(tree: Tree) -> Iterator[tuple[int, Device]]:
    for number, device in enumerate(_list(tree.value.get("devices"))):
        try:
            right = Device.model_validate(device)
        except ValidationError:  # the room's own model says so, with its place
            continue
        yield number, right


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
