"""The fields that a recipe can have, and the nearest to a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from typing import Any

from parnet_zoo.recipe.field_path import FieldPath, dotted
from parnet_zoo.recipe.schema.recipe import Recipe

NEAR_ENOUGH = 0.6
"""difflib's ratio above which a key counts as a misspelling of another."""

OTHER_NAMES: dict[str, FieldPath] = {
    "lr": ("optimizer", "learning_rate"),
    "image_size": ("model", "resolution"),
    "warmup": ("schedule", "warmup_epochs"),
}
"""What other trainers, or our own flags, call a field."""

Schema = dict[str, Any]


def field_schema(path: FieldPath) -> Schema | None:
    """The JSON Schema of a field or list item, without references; None where there is none."""
    schema: Schema | None = _recipe_schema()
    for part in path:
        if schema is None:
            return None
        schema = _inner(schema, part)
    return schema


def keys(path: FieldPath) -> list[str]:
    """The keys of a section; none for a field that is no section."""
    schema = field_schema(path)
    return list(_section(schema).get("properties", ())) if schema else []


def required_keys() -> list[str]:
    """The keys without which no recipe is complete."""
    return list(_recipe_schema()["required"])


def all_fields(path: FieldPath = ()) -> Iterator[tuple[FieldPath, Schema]]:
    """Every field and section below `path` with its schema, in the order of the recipe."""
    for key in keys(path):
        inner = (*path, key)
        yield inner, field_schema(inner) or {}
        yield from all_fields(inner)


def nearest(path: FieldPath) -> FieldPath | None:
    """The field that an unknown one was probably meant to be."""
    *section, last = path
    key = str(last).lower().replace("-", "_")
    if key in OTHER_NAMES:
        return OTHER_NAMES[key]
    near = difflib.get_close_matches(key, keys(tuple(section)), n=1, cutoff=NEAR_ENOUGH)
    if near:
        return (*section, near[0])
    elsewhere = [field for field, _ in all_fields() if field[-1] == key]
    return elsewhere[0] if len(elsewhere) == 1 else None


def unknown_key(path: FieldPath) -> str:
    """What to say about a key that does not exist."""
    section = path[:-1]
    there = keys(section)
    if not there:
        return f"unknown key; {dotted(section)} has no keys of its own"
    near = nearest(path)
    if near is None:
        return f"unknown key; allowed here: {', '.join(there)}"
    meant = str(near[-1]) if near[:-1] == section else dotted(near)
    return f"unknown key; did you mean {meant}?"


@cache
def _recipe_schema() -> Schema:
    schema = Recipe.json_schema()
    resolved: Schema = _without_references(schema, schema["$defs"])
    return resolved


def _without_references(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_without_references(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        # What stands beside a reference, such as the field's own description, comes first.
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return {key: _without_references(value, definitions) for key, value in node.items()}


def _section(schema: Schema) -> Schema:
    """The alternative of a nullable section that is the section."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") == "object":
            return dict(choice)
    return schema


def _inner(schema: Schema, part: str | int) -> Schema | None:
    if isinstance(part, str):
        inner: Schema | None = _section(schema).get("properties", {}).get(part)
        return inner
    for choice in (schema, *schema.get("anyOf", ())):
        if part < len(choice.get("prefixItems", ())):
            return dict(choice["prefixItems"][part])
        if "items" in choice:
            return dict(choice["items"])
    return None
