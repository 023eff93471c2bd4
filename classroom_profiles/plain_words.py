"""What pydantic found wrong, in words that say what would be right, with the place in the file."""

import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from classroom_profiles.problem import DocumentError, Loc, Problem, did_you_mean, near, shown
from classroom_profiles.yaml_tree import Tree

ModelT = TypeVar("ModelT", bound=BaseModel)

_SECRET = re.compile(r"password|secret|token|pin|key|credential", re.IGNORECASE)

PATTERNS = {
    r"^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$": "lower-case letters a-z, digits and hyphens, 1 to 48 characters",
    r"^[a-z][a-z0-9-]{0,31}$": "lower-case letters, digits and hyphens, a letter first",
    r"^[a-z][a-z0-9_]{0,47}$": "lower-case letters, digits and '_', a letter first, such as 'temperature_c'",
    r"^[A-Z][A-Z0-9_]*$": "upper-case letters, digits and '_', such as LOPHOC_PROJECTOR_PASSWORD",
    r"^[^+#\x00]+$": "an MQTT topic without '+' and '#'",
    r"^[^\x00]{1,120}\.yaml$|^[a-z][a-z0-9-]{0,31}$": "the name of a built-in set, or of a file that ends in .yaml",
}

_TYPES = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number that is finite",
    "dict_type": "a mapping ('field: value' lines)",
    "mapping_type": "a mapping ('field: value' lines)",
    "list_type": "a list ('- ' lines, or [a, b])",
    "tuple_type": "a list ('- ' lines, or [a, b])",
    "set_type": "a list ('- ' lines, or [a, b])",
    "path_type": "a path",
    "none_required": "left out",
}


def made(tree: Tree, model: type[ModelT], more: Iterable[Problem] = ()) -> ModelT:
    """The model of a file. Raises DocumentError with what reading found, what `more` has, and what the model says."""
    every = [*tree.problems, *more]
    try:
        found = model.model_validate(tree.value)
    except ValidationError as wrong:
        unread = {(problem.line, problem.column) for problem in tree.problems}
        said = [p for p in problems(tree, wrong, model) if (p.line, p.column) not in unread]
        # what a model says of itself as a whole has been said above, with its place
        every += [problem for problem in said if problem.field or not every]
    else:
        if not every:
            return found
    raise DocumentError(every)


def problems(tree: Tree, error: ValidationError, model: type[BaseModel], under: Loc = ()) -> list[Problem]:
    """Each mistake that `error` names, for a `model` that was made from what is at `under` in `tree`."""
    found: dict[tuple[Loc, bool], list[str]] = {}
    renamed: set[Loc] = set()
    for one in sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden"):
        loc, real = (*under, *one["loc"]), _real(tree, one["loc"], under)
        kind = one["type"]
        if kind == "too_short" and len(one["input"]) >= one["ctx"]["min_length"]:
            continue  # so pydantic counts entries that are wrong, each of which it names too
        if kind == "missing":
            real = (*real, loc[-1])
            if real in renamed:
                continue
        elif kind == "extra_forbidden":
            siblings = list(_fields(model, one["loc"][:-1]))
            if meant := near(loc[-1], siblings):
                renamed.add((*real[:-1], meant))
        message = _message(kind, one, real, model)
        messages = found.setdefault((real, kind == "extra_forbidden"), [])
        if message not in messages:
            messages.append(message)
    return [tree.problem(loc, _joined(messages), at_key=at_key) for (loc, at_key), messages in found.items()]


def _joined(messages: list[str]) -> str:
    """Several messages about one value are the branches of a union."""
    if len(messages) > 1 and all(message.startswith("must be ") for message in messages):
        kinds = [message.removeprefix("must be ").partition(", not ")[0] for message in messages]
        return f"must be {', '.join(kinds[:-1])} or {kinds[-1]}"
    return "; or: ".join(messages)


def _real(tree: Tree, loc: Loc, under: Loc) -> Loc:
    """`loc` below `under`, without what pydantic adds for the branches of unions."""
    real = under
    for part in loc:
        if (*real, part) in tree.places:
            real = (*real, part)
    return real


def _message(kind: str, one: Any, loc: Loc, model: type[BaseModel]) -> str:
    value, context = one["input"], one.get("ctx", {})
    name = next((part for part in reversed(loc) if isinstance(part, str)), "value")
    not_that = "" if any(_SECRET.search(str(part)) for part in loc) else f", not {shown(value)}"
    match kind:
        case "missing":
            described = next((f.description for f in _infos(model, one["loc"]) if f.description), None)
            return "missing" + (f" ({described})" if described else "")
        case "extra_forbidden":
            if value is None and not name.isidentifier():
                return f"unknown field {shown(name)}; a text with a ',' in it needs quotes"
            return f"unknown field {shown(name)}{did_you_mean(name, _fields(model, one['loc'][:-1]))}"
        case "enum" | "literal_error":
            choices = re.findall(r"'([^']*)'", context["expected"])
            unknown = f"unknown {name} {shown(value)}" if not_that and isinstance(value, str) else f"not a {name}"
            return unknown + did_you_mean(value, choices)
        case "string_pattern_mismatch":
            return f"must be {_like(context['pattern'], model, one['loc'])}{not_that}"
        case "string_too_short" | "too_short" if value in ("", [], ()):
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters; it has {len(value)}"
        case "string_too_short":
            return f"must have at least {context['min_length']} characters; it has {len(value)}"
        case "too_long" | "too_short":
            bound = f"at most {context['max_length']}" if kind == "too_long" else f"at least {context['min_length']}"
            return f"must have {bound} entries; it has {context.get('actual_length') or len(value)}"
        case "greater_than":
            return f"must be more than {context['gt']:g}{not_that}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}{not_that}"
        case "less_than":
            return f"must be less than {context['lt']:g}{not_that}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}{not_that}"
        case "value_error" | "assertion_error":
            return str(context.get("error", one["msg"])).strip() or "is not right"
        case "model_type" | "model_attributes_type" | "dataclass_type":
            fields = ", ".join(_fields(model, one["loc"]))
            return f"must be a mapping{f' with {fields}' if fields else ''}, not {_kind(value)}"
        case "int_from_float":
            return f"must be a whole number{not_that}"
        case "string_type" if isinstance(value, bool | int | float):
            return f"must be a text, not {_kind(value)}; put it in quotes"
        case _ if kind in _TYPES:
            return f"must be {_TYPES[kind]}, not {_kind(value)}"
        case _:
            return str(one["msg"])


def _like(pattern: str, model: type[BaseModel], loc: Loc) -> str:
    """What a text of this pattern is; for one that is not known here, as its field is described."""
    described = next((f.description for f in _infos(model, loc) if f.description), None)
    return PATTERNS.get(pattern) or described or f"a text like {pattern}"


def _kind(value: object) -> str:
    """What a value is, without repeating it: it may be a secret in the wrong place."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def _fields(model: type[BaseModel], loc: Loc) -> list[str]:
    """The names that may stand in the mapping at `loc` of a `model`."""
    names = [name for one in _models(_at(model, loc)) for name in one.model_fields]
    return list(dict.fromkeys(names))


def _infos(model: type[BaseModel], loc: Loc) -> Iterator[FieldInfo]:
    """What is known of the field at `loc`."""
    for one in _models(_at(model, loc[:-1])):
        if (info := one.model_fields.get(str(loc[-1]))) is not None:
            yield info


def _at(model: type[BaseModel], loc: Loc) -> list[Any]:
    """The types that may stand at `loc`. A part that leads nowhere names a branch of a union."""
    there: list[Any] = [model]
    for part in loc:
        onwards = [step for one in there for step in _onwards(one, part)]
        there = onwards or there
    return there


def _onwards(annotation: Any, part: str | int) -> list[Any]:
    found: list[Any] = []
    for one in _branches(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            if (info := one.model_fields.get(str(part))) is not None:
                found.append(info.annotation)
        elif get_origin(one) is dict:
            found.append(get_args(one)[1])
        elif get_origin(one) in (tuple, list, set, frozenset) and isinstance(part, int):
            found += [arg for arg in get_args(one)[:1] if arg is not Ellipsis]
    return found


def _models(annotations: Iterable[Any]) -> list[type[BaseModel]]:
    branches = [branch for annotation in annotations for branch in _branches(annotation)]
    return [one for one in branches if isinstance(one, type) and issubclass(one, BaseModel)]


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return [branch for arg in get_args(annotation) for branch in _branches(arg)]
    if hasattr(annotation, "__metadata__"):
        return _branches(get_args(annotation)[0])
    return [annotation]
