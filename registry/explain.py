"""Pydantic's errors in plain English, each at the field that it means."""

from __future__ import annotations

import difflib
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from registry.english import allowed, found
from registry.errors import FieldProblem, SpecError
from registry.field_path import FieldPath
from registry.schema_fields import NEAR_ENOUGH, SchemaFields

MISSING = "this key is missing"
_FOLLOWS = "default_factory_not_called"  # pydantic's, where another field is wrong
_ABSENT = object()
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def explain(error: ValidationError, data: Any, fields: SchemaFields) -> list[FieldProblem]:
    """Everything that pydantic found wrong with data, one problem a field.

    A validator's ValueError is quoted after what was found; a SpecError is a sentence by itself.

    Args:
        error: From validating `data`.
        data: Plain data.
        fields: The fields that the data can have.
    """
    problems: dict[FieldPath, FieldProblem] = {}
    for item in error.errors():
        if item["type"] != _FOLLOWS:
            problem = _problem(item, data, fields)
            problems.setdefault(problem.path, problem)
    meant = {fields.nearest(path) for path, problem in problems.items() if problem.at_key}
    # To pydantic, a list of wrong items is too short as well.
    around = {path[:end] for path in problems for end in range(1, len(path))}
    return [
        problem
        for path, problem in problems.items()
        # A required key that is only misspelt is one mistake, not two.
        if path not in around and not (problem.message.startswith(MISSING) and path in meant)
    ]


def _problem(item: ErrorDetails, data: Any, fields: SchemaFields) -> FieldProblem:
    if item["type"] == "extra_forbidden":
        path = tuple(item["loc"])
        return FieldProblem(path, fields.unknown_key(path), at_key=True)
    path = tuple(item["loc"])
    schema = fields.schema(path)
    if item["type"] == "missing" and isinstance(path[-1], str) and schema is not None:
        return FieldProblem(path, f"{MISSING}; it must be {allowed(schema)}")
    path = _known_part(path if item["type"] != "missing" else path[:-1], data, fields)
    value = _value_at(data, path, item["input"])
    path = _as_given(path, data)
    if item["type"] == "value_error":
        return FieldProblem(path, _said(item, value))
    return FieldProblem(path, _misfit(value, fields.schema(path) or {}))


def _said(item: ErrorDetails, value: Any) -> str:
    """What a validator says."""
    why = item["msg"].removeprefix("Value error, ")
    whole = isinstance(item.get("ctx", {}).get("error"), SpecError) or isinstance(value, dict)
    return why if whole else f"{found(value)} does not fit: {why}"


def _misfit(value: Any, schema: dict[str, Any]) -> str:
    choices = [str(choice) for choice in _choices(schema)]
    if isinstance(value, str):
        near = difflib.get_close_matches(value.lower(), choices, n=1, cutoff=NEAR_ENOUGH)
        if near:
            hint = f"did you mean {near[0]}? it must be {allowed(schema)}"
            return f"{found(value)} does not fit; {hint}"
    return f"{found(value)} does not fit; it must be {allowed(schema)}{_quotes(value, schema)}"


def _quotes(value: Any, schema: dict[str, Any]) -> str:
    """A hint where only the quotes are wrong."""
    kinds = {choice.get("type") for choice in (schema, *schema.get("anyOf", ()))}
    if isinstance(value, str):
        number = kinds & {"integer", "number"} and _NUMBER.fullmatch(value)
        truth = "boolean" in kinds and value.lower() in {"true", "false"}
        return ", without quotes" if number or truth else ""
    wants_text = "string" in kinds and "number" not in kinds and not _choices(schema)
    if isinstance(value, int | float) and wants_text:
        return ", in quotes"
    return ""


def _choices(schema: dict[str, Any]) -> list[Any]:
    inner = [item for choice in schema.get("anyOf", ()) for item in _choices(choice)]
    own = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return [*own, *inner]


def _known_part(loc: tuple[int | str, ...], data: Any, fields: SchemaFields) -> FieldPath:
    """The field's path without the names of union members that pydantic adds to it."""
    path: FieldPath = ()
    for part in loc:
        inner = (*path, part)
        # Where any key would do, only the data tells a key from such a name.
        if part in fields.keys(path) or (
            fields.schema(inner) is not None and _value_at(data, inner, _ABSENT) is not _ABSENT
        ):
            path = inner
    return path


def _value_at(data: Any, path: FieldPath, otherwise: Any) -> Any:
    try:
        for part in path:
            data = data[part]
    except (LookupError, TypeError):  # a value that was not given but follows from others
        return otherwise
    return data


def _as_given(path: FieldPath, data: Any) -> FieldPath:
    """The field that was written, where a spec hands one of its own down to a part of it."""
    if path and _value_at(data, path, _ABSENT) is _ABSENT and path[-1] in data:
        return (path[-1],)
    return path
