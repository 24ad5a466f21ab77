"""The fields that a JSON Schema has, and the nearest to a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from registry.field_path import FieldPath, dotted

NEAR_ENOUGH = 0.6
"""difflib's ratio above which a key counts as a misspelling of another."""

ONE_SLIP = 0.85
"""The ratio above which it is rather a slip of the fingers than another name for something else."""

Schema = dict[str, Any]


class SchemaFields:
    """The fields of nested data, read off its JSON Schema.

    Args:
        schema: As pydantic gives it, with references into its own `$defs`.
        other_names: What people may call a field besides its name.
    """

    def __init__(self, schema: Schema, other_names: Mapping[str, FieldPath] | None = None) -> None:
        self._root: Schema = _without_references(schema, schema.get("$defs", {}), frozenset())
        self._other_names = other_names or {}

    def schema(self, path: FieldPath) -> Schema | None:
        """The schema of a field or list item, without references; None where there is none."""
        schema: Schema | None = self._root
        for part in path:
            if schema is None:
                return None
            schema = _inner(schema, part)
        return schema

    def keys(self, path: FieldPath) -> list[str]:
        """The keys of a section; none for a field that is no section."""
        schema = self.schema(path)
        return list(_section(schema).get("properties", ())) if schema else []

    def required(self) -> list[str]:
        """The keys that the data must have."""
        return list(self._root.get("required", ()))

    def all(self, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Schema]]:
        """Every field and section below `path` with its schema, in the schema's order."""
        for key in self.keys(path):
            inner = (*path, key)
            yield inner, self.schema(inner) or {}
            yield from self.all(inner)

    def nearest(self, path: FieldPath) -> FieldPath | None:
        """The field that an unknown one was probably meant to be."""
        *section, last = path
        key, there = _plain(last), self.keys(tuple(section))
        near = difflib.get_close_matches(key, there, n=1, cutoff=NEAR_ENOUGH)
        slip = difflib.get_close_matches(key, near, cutoff=ONE_SLIP)
        if key in self._other_names and not slip:
            return self._other_names[key]
        if near:
            return (*section, near[0])
        elsewhere = [field for field, _ in self.all() if field[-1] == key]
        return elsewhere[0] if len(elsewhere) == 1 else None

    def unknown_key(self, path: FieldPath) -> str:
        """What to say about a key that does not exist."""
        section = path[:-1]
        there = self.keys(section)
        if not there:
            return f"unknown key; {dotted(section)} has no keys of its own"
        near = self.nearest(path)
        if near is None:
            return f"unknown key; allowed here: {', '.join(there)}"
        meant = str(near[-1]) if near[:-1] == section else dotted(near)
        return f"unknown key; did you mean {meant}?"


def near_key(key: str, there: Iterable[str]) -> str:
    """A hint for a key that is none of those there are: the nearest, or all."""
    there = list(there)
    near = difflib.get_close_matches(_plain(key), there, n=1, cutoff=NEAR_ENOUGH)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(there)}"


def _plain(key: str | int) -> str:
    return str(key).lower().replace("-", "_")


def _without_references(node: Any, definitions: Schema, inside: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_without_references(item, definitions, inside) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        if name in inside:  # a model that holds itself: any value, from there on
            return {}
        inside |= {name}
        # What stands beside a reference, such as the field's own description, comes first.
        beside = {key: value for key, value in node.items() if key != "$ref"}
        node = {**definitions[name], **beside}
    return {key: _without_references(value, definitions, inside) for key, value in node.items()}


def _section(schema: Schema) -> Schema:
    """The alternative of a nullable section that is the section."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") == "object":
            return dict(choice)
    return schema


def _inner(schema: Schema, part: str | int) -> Schema | None:
    if not schema:
        return schema
    if isinstance(part, str):
        return _value_of_key(_section(schema), part)
    for choice in (schema, *schema.get("anyOf", ())):
        if part < len(choice.get("prefixItems", ())):
            return dict(choice["prefixItems"][part])
        if "items" in choice:
            return dict(choice["items"])
    return None


def _value_of_key(section: Schema, key: str) -> Schema | None:
    inner: Schema | None = section.get("properties", {}).get(key)
    if inner is not None:
        return inner
    for pattern, schema in section.get("patternProperties", {}).items():
        if re.search(pattern, key):
            return dict(schema)
    rest = section.get("additionalProperties", False)
    if rest is False:
        return None
    return dict(rest) if isinstance(rest, dict) else {}
