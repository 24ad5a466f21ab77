"""What specs look like as plain data, for editors and other programs."""

from __future__ import annotations

from typing import Any

from registry.catalog import families, members
from registry.derivation import Derivation
from registry.mapping import CODE, code_of
from registry.spec import BackboneSpec
from registry.validated import json_schema_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DERIVED = "Derivation"  # no family's name has a capital


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what `registry.from_mapping` takes.

    One alternative for every registered family, plugins' too, told apart by `family`, and one for
    a spec derived from a registered `base`.
    """
    definitions: dict[str, Any] = {}
    for family, kind in families().items():
        definitions |= _definitions(family, kind)
    definitions[DERIVED] = json_schema_of(Derivation)
    return {
        "$schema": DIALECT,
        "title": "Backbone spec",
        "type": "object",
        "oneOf": [_reference(name) for name in (*families(), DERIVED)],
        "discriminator": {
            "propertyName": "family",
            "mapping": {family: _reference(family)["$ref"] for family in families()},
        },
        "$defs": definitions,
    }


def _definitions(family: str, kind: type[BackboneSpec]) -> dict[str, Any]:
    """A family's schema, and those that it refers to under names of their own."""
    # Two families may have classes of one name.
    own = json_schema_of(kind, _reference(f"{family}.{{model}}")["$ref"])
    inner = {f"{family}.{name}": part for name, part in own.pop("$defs", {}).items()}
    properties = {**own["properties"], "family": {"const": family}}
    for key, values in zip(CODE, zip(*code_of(members(family)), strict=True), strict=True):
        properties[key] = {
            "enum": list(dict.fromkeys(values)),
            "description": "The family's own; can be left out.",
        }
    required = [name for name in own.get("required", ()) if name not in CODE]
    if "family" not in required:
        required.insert(0, "family")
    return {family: {**own, "properties": properties, "required": required}, **inner}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}
