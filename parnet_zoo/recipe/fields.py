"""The fields that a recipe can have, and the nearest to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from parnet_zoo.recipe.schema.recipe import Recipe
from registry.field_path import FieldPath
from registry.schema_fields import Schema, SchemaFields

OTHER_NAMES: dict[str, FieldPath] = {
    "lr": ("optimizer", "learning_rate"),
    "image_size": ("model", "resolution"),
    "warmup": ("schedule", "warmup_epochs"),
}
"""What other trainers, or our own flags, call a field."""


@cache
def recipe_fields() -> SchemaFields:
    """All fields of a recipe."""
    return SchemaFields(Recipe.json_schema(), OTHER_NAMES)


def field_schema(path: FieldPath) -> Schema | None:
    """The JSON Schema of a field or list item, without references; None where there is none."""
    return recipe_fields().schema(path)


def keys(path: FieldPath) -> list[str]:
    """The keys of a section; none for a field that is no section."""
    return recipe_fields().keys(path)


def required_keys() -> list[str]:
    """The keys without which no recipe is complete."""
    return recipe_fields().required()


def all_fields(path: FieldPath = ()) -> Iterator[tuple[FieldPath, Schema]]:
    """Every field and section below `path` with its schema, in the order of the recipe."""
    return recipe_fields().all(path)


def nearest(path: FieldPath) -> FieldPath | None:
    """The field that an unknown one was probably meant to be."""
    return recipe_fields().nearest(path)


def unknown_key(path: FieldPath) -> str:
    """What to say about a key that does not exist."""
    return recipe_fields().unknown_key(path)
