"""Data into a model, or one sentence about what is wrong with it."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from registry.errors import SpecError
from registry.explain import explain
from registry.schema_fields import SchemaFields

M = TypeVar("M", bound=BaseModel)


def validated(kind: type[M], data: Any, label: str) -> M:
    """Validate data as a model.

    Args:
        kind: The model.
        data: Its fields, as plain data or as models.
        label: What the message begins with, such as the backbone's name.

    Raises:
        SpecError: The data does not fit; the message says for every wrong field what does.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise SpecError.about(label, explain(error, data, fields_of(kind))) from error


@cache
def fields_of(kind: type[BaseModel]) -> SchemaFields:
    """The fields of a model."""
    return SchemaFields(json_schema_of(kind))


def json_schema_of(kind: type[BaseModel], ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """A model's JSON Schema; its bare field names where it holds what JSON Schema cannot say.

    Args:
        kind: The model.
        ref_template: How references to its `$defs` are written.
    """
    try:
        return kind.model_json_schema(ref_template=ref_template)
    except PydanticInvalidForJsonSchema:
        fields = kind.model_fields.items()
        return {
            "type": "object",
            "properties": {name: {} for name, _ in fields},
            "required": [name for name, field in fields if field.is_required()],
        }
