"""Mistakes in flags, named as they were typed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parnet_zoo.recipe import RecipeError


def as_typed(error: RecipeError, changes: dict[str, Any]) -> RecipeError:
    """Name a flag as it was typed, where Python would have a keyword."""
    typed = {
        f"{name}={shown}": f"--{name.replace('_', '-')} {value}"
        for name, value in changes.items()
        for shown in (value, "...")  # long values are cut
    }
    return type(error)(
        replace(problem, source=typed.get(problem.source, problem.source))
        for problem in error.problems
    )
