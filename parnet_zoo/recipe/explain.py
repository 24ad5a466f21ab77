"""What pydantic finds wrong with a recipe, each at the field that it means."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from parnet_zoo.recipe.fields import recipe_fields
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import RULES_ERROR
from registry.explain import explain


def findings_of(error: ValidationError, data: dict[str, Any]) -> list[Finding]:
    """Everything that pydantic found wrong with a recipe, one finding a field.

    Args:
        error: From `Recipe.model_validate(data)`.
        data: The recipe as plain data.
    """
    for item in error.errors():
        if item["type"] == RULES_ERROR:
            return list(item["ctx"]["findings"])
    return [
        Finding(problem.path, problem.message, at_key=problem.at_key)
        for problem in explain(error, data, recipe_fields())
    ]
