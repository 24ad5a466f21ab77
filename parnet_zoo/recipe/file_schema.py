"""What a recipe file may hold, as JSON Schema, for editors that complete and check."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from parnet_zoo.recipe.environment import REFERENCE
from parnet_zoo.recipe.schema.recipe import Recipe

Schema = dict[str, Any]

EXTENDS = "extends"
"""The key of a file that no recipe has once it is read."""
DOMAIN = "a path beside the recipe, or the name of a shipped recipe"

_VARIABLE: Schema = {
    "type": "string",
    "pattern": REFERENCE,
    "description": "An environment variable: `${NAME}` or `${NAME:-default}`.",
}
_REFERENCE: Schema = {"$ref": "#/$defs/EnvironmentVariable"}
_ABOUT = ("title", "description", "default")
"""What editors show beside a field, and stays outside of its alternatives."""
_NAMED = ("properties", "patternProperties")
_LISTED = ("prefixItems",)
"""Where in a schema those of inner values are."""
_LINK = re.compile(r"; see \[below\]\([^)]*\)")
"""What only leads somewhere on the page that the descriptions stand on as well."""


def recipe_schema() -> Schema:
    """JSON Schema (draft 2020-12) of a recipe file.

    Unlike a whole recipe, a file can extend another and leave to it what is required, and any value
    can come from an environment variable.
    """
    schema = schema_with_extends()
    definitions = {name: _with_variables(inner) for name, inner in schema["$defs"].items()}
    return {
        "$schema": schema["$schema"],
        "title": "Recipe of parnet-zoo",
        "description": "One training run: what is not given has the default.",
        "type": "object",
        "properties": _with_variables({"properties": schema["properties"]})["properties"],
        "additionalProperties": False,
        "anyOf": [{"required": schema["required"]}, {"required": [EXTENDS]}],
        "$defs": {**definitions, "EnvironmentVariable": _VARIABLE},
    }


@cache
def schema_with_extends() -> Schema:
    """The schema of a whole recipe, and the key `extends` after its first."""
    schema = Recipe.json_schema()
    first, *others = schema["properties"].items()
    extends = {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "default": None,
        "description": "A recipe that this one changes: a path, looked for beside this file, or the"
        " name of a shipped recipe; see [below](#extending-another-recipe). Only in files.",
        "x-allowed": f"{DOMAIN}, or null",
    }
    return {**schema, "properties": dict([first, (EXTENDS, extends), *others])}


def _with_variables(schema: Schema) -> Schema:
    """A schema in which each value below it can be an environment variable as well."""
    result: Schema = {}
    for key, inner in schema.items():
        if key == "description":
            result[key] = _LINK.sub("", inner)
        elif key in _NAMED:
            result[key] = {name: _or_variable(field) for name, field in inner.items()}
        elif key in _LISTED:
            result[key] = [_or_variable(item) for item in inner]
        elif key == "items":
            result[key] = _or_variable(inner)
        elif key == "anyOf":
            result[key] = [_with_variables(choice) for choice in inner]
        # What pydantic says of keys is only for our messages, and so is all that begins with x-.
        elif key != "propertyNames" and not key.startswith("x-"):
            result[key] = inner
    return result


def _or_variable(field: Schema) -> Schema:
    field = _with_variables(field)
    about = {key: value for key, value in field.items() if key in _ABOUT}
    rest = {key: value for key, value in field.items() if key not in _ABOUT}
    choices = rest.pop("anyOf", None) or [rest]
    if {"type": "string"} in choices:  # any text is allowed already
        return field
    return {**about, "anyOf": [*choices, _REFERENCE]}
