"""A recipe from a file, with overrides, checked as a whole."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.check import check
from parnet_zoo.recipe.document import Document, parse_document
from parnet_zoo.recipe.english import found
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.field_path import FieldPath, dotted
from parnet_zoo.recipe.fields import required_keys
from parnet_zoo.recipe.find import find_recipe
from parnet_zoo.recipe.overrides import Override, apply, parse_overrides
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import Recipe
from parnet_zoo.recipe.source_file import read_source


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe and where it came from.

    Attributes:
        recipe: The recipe with all overrides in it.
        path: The file it was read from.
    """

    recipe: Recipe
    path: Path
    _origins: _Origins = field(repr=False, compare=False)

    def where(self, name: str) -> str:
        """Where a field's value comes from, for messages about it that only show later.

        Args:
            name: Dotted, such as `data.root`.

        Returns:
            `dogcat.yaml:9:9 data.root` or `--set data.root`.
        """
        place = self._origins.problem(Finding(tuple(name.split(".")), ""))
        return str(place).removesuffix(": ")


def load_recipe(
    path_or_name: str | Path, overrides: Sequence[str] = (), **changes: Any
) -> LoadedRecipe:
    """Read a recipe, change it and check all of it.

    Args:
        path_or_name: A YAML file, or the name of a shipped recipe such as `dogcat`.
        overrides: Texts such as `optimizer.learning_rate=1e-3`, as `--set` takes them.
        **changes: Top-level fields by name (a section changes the keys that it has), and
            `image_size`, `model` and `data` for `model.resolution`, `model.name` and `data.root`.
            They win over `overrides`. None means "not given" for these three, `epochs` and
            `batch_size`, as with flags of the command line.

    Raises:
        RecipeError: The file cannot be read, or the recipe is wrong: one line for each mistake.
    """
    path, shown = find_recipe(path_or_name)
    document = parse_document(read_source(path, shown), shown)
    settings = [overrides] if isinstance(overrides, str) else list(overrides)
    known, problems = parse_overrides(settings, changes)
    origins = _Origins(document, {override.path: override.label for override in known})
    data = _with_overrides(document, known, problems)
    result = check(data, document.broken)
    if isinstance(result, list):
        problems += [origins.problem(finding) for finding in result]
    problems += document.problems
    if problems or isinstance(result, list):
        raise RecipeError(problems)
    return LoadedRecipe(result, path, origins)


def _with_overrides(
    document: Document, overrides: list[Override], problems: list[Problem]
) -> dict[str, Any]:
    if not isinstance(document.data, dict):
        if not document.problems:
            what = "the file is empty" if document.data is None else f"{found(document.data)} found"
            message = f"{what}; a recipe needs at least the keys {', '.join(required_keys())}"
            line, column = document.position(())
            document.problems.append(Problem(line, column, document.name, "", message))
        raise RecipeError([*problems, *document.problems])
    data = copy.deepcopy(document.data)
    for override in overrides:
        apply(override, data)
    return data


@dataclass(frozen=True)
class _Origins:
    """Where the values of a recipe came from."""

    document: Document
    overridden: Mapping[FieldPath, str]

    def problem(self, finding: Finding) -> Problem:
        """A finding, at the override that caused it or else at its place in the file."""
        for read in finding.reads or (finding.path,):
            override = self._override(read)
            if override is not None:
                label, path = self.overridden[override], override
                name, message = dotted(finding.path), finding.message
                if finding.path[: len(path)] != path:
                    name, message = dotted(path), f"{name}: {message}"
                return Problem(0, 0, label, name, message)
        at = self.document.key_position if finding.at_key else self.document.position
        line, column = at(finding.path)
        name = dotted(finding.path)
        return Problem(line, column, self.document.name, name, finding.message)

    def _override(self, path: FieldPath) -> FieldPath | None:
        for end in range(len(path), 0, -1):
            if path[:end] in self.overridden:
                return path[:end]
        return None
