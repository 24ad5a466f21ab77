"""Pydantic's errors in plain English, each at the field that it means."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from parnet_zoo.recipe.english import allowed, found
from parnet_zoo.recipe.field_path import FieldPath
from parnet_zoo.recipe.fields import NEAR_ENOUGH, field_schema, nearest, unknown_key
from parnet_zoo.recipe.scalars import resolve_scalar
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import RULES_ERROR


def findings_of(error: ValidationError, data: dict[str, Any]) -> list[Finding]:
    """Everything that pydantic found wrong with a recipe, one finding a field.

    Args:
        error: From `Recipe.model_validate(data)`.
        data: The recipe as plain data.
    """
    findings: dict[FieldPath, Finding] = {}
    for item in error.errors():
        if item["type"] == RULES_ERROR:
            return list(item["ctx"]["findings"])
        finding = _finding(item, data)
        findings.setdefault(finding.path, finding)
    meant = {nearest(path) for path, finding in findings.items() if finding.at_key}
    return [
        finding
        for path, finding in findings.items()
        # A required key that is only misspelt is one mistake, not two.
        if not (finding.message.startswith(MISSING) and path in meant)
    ]


MISSING = "this key is missing"


def _finding(item: ErrorDetails, data: dict[str, Any]) -> Finding:
    if item["type"] == "extra_forbidden":
        path = tuple(item["loc"])
        return Finding(path, unknown_key(path), at_key=True)
    path = _known_part(item["loc"])
    schema = field_schema(path) or {}
    if item["type"] == "missing" and isinstance(path[-1], str):
        return Finding(path, f"{MISSING}; it must be {allowed(schema)}")
    if item["type"] == "missing":
        path = path[:-1]
        schema = field_schema(path) or {}
    value = _value_at(data, path)
    if item["type"] == "value_error":
        why = item["msg"].removeprefix("Value error, ")
        return Finding(path, f"{found(value)} does not fit: {why}")
    return Finding(path, _misfit(value, schema))


def _misfit(value: Any, schema: dict[str, Any]) -> str:
    choices = [str(choice) for choice in _choices(schema)]
    near = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=NEAR_ENOUGH)
    if near and isinstance(value, str):
        return f"{found(value)} does not fit; did you mean {near[0]}? it must be {allowed(schema)}"
    return f"{found(value)} does not fit; it must be {allowed(schema)}{_quotes(value, schema)}"


def _quotes(value: Any, schema: dict[str, Any]) -> str:
    """A hint where only the quotes are wrong."""
    kinds = {choice.get("type") for choice in (schema, *schema.get("anyOf", ()))}
    if isinstance(value, str) and isinstance(resolve_scalar(value), int | float):
        meant = {"boolean"} if isinstance(resolve_scalar(value), bool) else {"integer", "number"}
        return ", without quotes" if kinds & meant else ""
    wants_text = "string" in kinds and "number" not in kinds and not _choices(schema)
    if isinstance(value, int | float) and wants_text:
        return ", in quotes"
    return ""


def _choices(schema: dict[str, Any]) -> list[Any]:
    inner = [item for choice in schema.get("anyOf", ()) for item in _choices(choice)]
    own = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return [*own, *inner]


def _known_part(loc: tuple[int | str, ...]) -> FieldPath:
    """The field's path without the names of union members that pydantic adds to it."""
    path: FieldPath = tuple(loc)
    while path and field_schema(path) is None:
        path = path[:-1]
    return path


def _value_at(data: Any, path: FieldPath) -> Any:
    for part in path:
        data = data[part]
    return data
