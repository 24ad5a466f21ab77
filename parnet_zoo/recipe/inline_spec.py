"""A spec file's content in the place of its path, so that a recipe says all by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.document import Document
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.schema.backbone import SPEC
from parnet_zoo.recipe.spec_document import read_spec
from registry.field_path import FieldPath, dotted


@dataclass(frozen=True)
class InlinedSpec:
    """What came of a path.

    Attributes:
        document: The spec file, where it could be read.
        problems: What is wrong with the file as YAML, or with the path.
        broken: Fields of the recipe that are wrong because of it.
    """

    document: Document | None = None
    problems: list[Problem] = field(default_factory=list)
    broken: set[FieldPath] = field(default_factory=set)


def inline_spec(
    data: dict[str, Any], folder: Path | None, place: tuple[int, int], source: str
) -> InlinedSpec:
    """Read the file that a recipe's `model.spec` names, and put its content there.

    Args:
        data: The recipe as plain data, which is changed.
        folder: Where a relative path starts; None for the current one.
        place: Line and column of the path.
        source: What messages call the text that the path stands in.
    """
    model = data.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("spec"), str):
        return InlinedSpec()
    try:
        document = read_spec(model.pop("spec"), folder)
    except RecipeError as error:
        problems = [_at(problem, place, source) for problem in error.problems]
        return InlinedSpec(None, problems, {SPEC})
    if not isinstance(document.data, dict):
        return InlinedSpec(None, document.problems, {SPEC})
    model["spec"] = document.data
    broken: set[FieldPath] = {(*SPEC, *path) for path in document.broken}
    return InlinedSpec(document, document.problems, broken)


def _at(problem: Problem, place: tuple[int, int], source: str) -> Problem:
    """A file that cannot be read is a mistake of who names it."""
    if problem.line:
        return problem
    return Problem(*place, source, dotted(SPEC), f"{problem.source}: {problem.message}")
