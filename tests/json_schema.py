"""The part of JSON Schema that the schema of recipes is written in, for tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_CHECKS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("number", lambda value, bound: value >= bound),
    "maximum": ("number", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("number", lambda value, bound: value > bound),
    "exclusiveMaximum": ("number", lambda value, bound: value < bound),
    "multipleOf": ("number", lambda value, bound: value % bound == 0),
    "minItems": ("array", lambda value, bound: len(value) >= bound),
    "maxItems": ("array", lambda value, bound: len(value) <= bound),
    "pattern": ("string", lambda value, pattern: re.search(pattern, value) is not None),
    "minLength": ("string", lambda value, bound: len(value) >= bound),
    "maxLength": ("string", lambda value, bound: len(value) <= bound),
    "required": ("object", lambda value, needed: all(key in value for key in needed)),
}
"""Words that say something about values of one type only."""
_ABOUT = {"$schema", "$defs", "title", "description", "default"}


def accepts(schema: Schema, data: Any, root: Schema | None = None) -> bool:
    """Whether a schema accepts plain data; a word of JSON Schema that is not known here raises."""
    root = schema if root is None else root
    return all(_holds(word, schema, data, root) for word in schema if word not in _ABOUT)


def _holds(word: str, schema: Schema, data: Any, root: Schema) -> bool:
    given = schema[word]
    if word in _CHECKS:
        kind, check = _CHECKS[word]
        return not _TYPES[kind](data) or check(data, given)
    match word:
        case "$ref":
            holds = accepts(root["$defs"][given.removeprefix("#/$defs/")], data, root)
        case "anyOf":
            holds = any(accepts(choice, data, root) for choice in given)
        case "const" | "enum":
            choices = given if word == "enum" else [given]
            holds = any(data == choice and type(data) is type(choice) for choice in choices)
        case "type":
            holds = _TYPES[given](data)
        case "items" | "prefixItems":
            holds = not isinstance(data, list) or _items_hold(schema, data, root)
        case "properties" | "patternProperties" | "additionalProperties":
            holds = not isinstance(data, dict) or _fields_hold(schema, data, root)
        case _:
            raise NotImplementedError(word)
    return holds


def _items_hold(schema: Schema, data: list[Any], root: Schema) -> bool:
    first = schema.get("prefixItems", [])
    schemas = [*first, *[schema.get("items", {})] * (len(data) - len(first))]
    return all(accepts(inner, item, root) for inner, item in zip(schemas, data, strict=False))


def _fields_hold(schema: Schema, data: dict[str, Any], root: Schema) -> bool:
    named, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
    for key, value in data.items():
        patterns = schema.get("patternProperties", {}).items()
        found = [named[key]] if key in named else []
        found += [inner for pattern, inner in patterns if re.search(pattern, key)]
        if not found and rest is False:
            return False
        found = found or [rest]
        if not all(accepts(inner, value, root) for inner in found):
            return False
    return True
