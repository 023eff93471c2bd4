"""A driver's page, made from its code: what it is, its options, and a sample. `lophoc driver show` prints it."""

import inspect
import sys
from dataclasses import dataclass
from typing import Any

import yaml

from firmware_bridge.driver import DriverKind, find, module_of


class NotInstalled(LookupError):
    """The driver is there, but a Python package that it needs is not."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the table. Options within options are lines of their own: `password.env`."""

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class Page:
    name: str
    about: str
    """The module's docstring."""
    options: tuple[Option, ...]
    sample: dict[str, Any]

    @property
    def title(self) -> str:
        return self.about.partition("\n")[0]

    @property
    def sample_yaml(self) -> str:
        """The sample as it stands in a room's file, below a device's `id` and `role`."""
        written = {"driver": self.name, "options": self.sample}
        return str(yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None))


def kind_of(name: str) -> DriverKind[Any]:
    """The driver of that name. Raises KeyError if there is none, NotInstalled if a package it needs is absent."""
    try:
        return find(name)
    except ModuleNotFoundError as missing:
        raise NotInstalled(
            f"driver '{name}' needs the Python package {missing.name}, which is not installed here"
            " (it comes with lophoc[gateway], or with the driver's own distribution)"
        ) from missing


def page(name: str) -> Page:
    """Raises as `kind_of`."""
    kind = kind_of(name)
    about = inspect.getdoc(sys.modules[module_of(name)]) or ""
    schema = kind.options.model_json_schema()
    return Page(name, about, tuple(_options(schema, schema.get("$defs", {}))), dict(kind.sample))


def _options(schema: dict[str, Any], defs: dict[str, Any], prefix: str = "", depth: int = 0) -> list[Option]:
    found: list[Option] = []
    for name, written in schema.get("properties", {}).items():
        one = _resolved(written, defs)
        found.append(
            Option(
                f"{prefix}{name}",
                _type(one, defs),
                name in schema.get("required", []),
                one.get("default"),
                one.get("description", ""),
            )
        )
        if depth < 3:
            for below, mark in _mappings(one, defs):
                found += _options(below, defs, f"{prefix}{name}.{mark}", depth + 1)
    return found


def _resolved(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """`schema` with what it refers to; what stands beside the reference wins."""
    if "$ref" not in schema:
        return schema
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**defs[schema["$ref"].rpartition("/")[2]], **beside}


def _mappings(schema: dict[str, Any], defs: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The mappings with named fields within `schema`, and what stands before their fields' names."""
    found: list[tuple[dict[str, Any], str]] = []
    for branch in [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        one = _resolved(branch, defs)
        if "properties" in one:
            found.append((one, ""))
        within = next(iter(one.get("patternProperties", {}).values()), one.get("additionalProperties"))
        if isinstance(within, dict) and "properties" in (named := _resolved(within, defs)):
            found.append((named, "*."))
        if "properties" in (item := _resolved(one.get("items", {}), defs)):
            found.append((item, "[]."))
    return found


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "null": "nothing",
}


def _type(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    schema = _resolved(schema, defs)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        names = [_type(branch, defs) for branch in branches if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(names))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], defs)}" if schema.get("items") else "list"
    return _TYPES.get(schema.get("type", ""), "anything") + _range(schema)


def _range(schema: dict[str, Any]) -> str:
    low, over = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, under = schema.get("maximum"), schema.get("exclusiveMaximum")
    words = [
        f"from {low:g}" if low is not None else "",
        f"over {over:g}" if over is not None else "",
        f"to {high:g}" if high is not None else "",
        f"under {under:g}" if under is not None else "",
    ]
    said = " ".join(word for word in words if word)
    return f" {said}" if said else ""
