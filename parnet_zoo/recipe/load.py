"""A recipe from a file, with overrides, checked as a whole."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.check import check
from parnet_zoo.recipe.document import Document, parse_document
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.fields import required_keys
from parnet_zoo.recipe.find import find_recipe
from parnet_zoo.recipe.inline_spec import InlinedSpec, inline_spec
from parnet_zoo.recipe.overrides import Override, apply, parse_overrides
from parnet_zoo.recipe.schema.backbone import SPEC
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import Recipe
from parnet_zoo.recipe.source_file import read_source
from parnet_zoo.recipe.spec_document import is_spec, spec_problem
from registry.english import found
from registry.field_path import FieldPath, dotted


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
        return str(self.problem(name, "")).removesuffix(": ")

    def problem(self, name: str, message: str) -> Problem:
        """A mistake that only shows later, at the place where the field's value comes from.

        Args:
            name: Dotted, such as `batch_size`.
            message: What is wrong with it.
        """
        return self._origins.problem(Finding(tuple(name.split(".")), message))


def load_recipe(
    path_or_name: str | Path, overrides: Sequence[str] = (), **changes: Any
) -> LoadedRecipe:
    """Read a recipe, change it and check all of it.

    Args:
        path_or_name: A YAML file, or the name of a shipped recipe such as `dogcat`.
        overrides: Texts such as `optimizer.learning_rate=1e-3`, as `--set` takes them.
        **changes: Top-level fields by name (a section changes the keys that it has), and
            `image_size`, `model`, `data` and `weights` for `model.resolution`, `model.name` (or
            `model.spec`, for a YAML file), `data.root` and `model.weights`. They win over
            `overrides`. A network given here or there takes the place of the file's and of the
            file's `model.scaling`. None means "not given" for these four, `epochs` and
            `batch_size`, as with flags of the command line.

    Raises:
        RecipeError: The file cannot be read, or the recipe is wrong: one line for each mistake.
    """
    path, shown = find_recipe(path_or_name)
    document = parse_document(read_source(path, shown), shown)
    settings = [overrides] if isinstance(overrides, str) else list(overrides)
    known, problems = parse_overrides(settings, changes)
    data, spec = _with_overrides(document, known, problems, path.parent)
    labels = {override.path: override.label for override in known if not override.implied}
    origins = _Origins(document, labels, spec.document)
    result = check(data, document.broken | spec.broken)
    if isinstance(result, list):
        problems += [origins.problem(finding) for finding in result]
    problems += [*document.problems, *spec.problems]
    if problems or isinstance(result, list):
        raise RecipeError(problems)
    return LoadedRecipe(result, path, origins)


def _with_overrides(
    document: Document, overrides: list[Override], problems: list[Problem], folder: Path
) -> tuple[dict[str, Any], InlinedSpec]:
    """The recipe as it is meant, and the spec file that is in it."""
    if not isinstance(document.data, dict):
        if not document.problems:
            what = "the file is empty" if document.data is None else f"{found(document.data)} found"
            message = f"{what}; a recipe needs at least the keys {', '.join(required_keys())}"
            line, column = document.position(())
            document.problems.append(Problem(line, column, document.name, "", message))
        raise RecipeError([*problems, *document.problems])
    if is_spec(document.data):
        use = f"parnet-zoo train RECIPE --model {shlex.quote(document.name)}"
        message = f"this is a network's spec, not a recipe; use {use}"
        raise RecipeError([Problem(*document.position(()), document.name, "", message)])
    data = copy.deepcopy(document.data)
    if not any(override.path == SPEC for override in overrides):
        spec = inline_spec(data, folder, document.position(SPEC), document.name)
    else:  # the file's own network is not wanted
        spec = InlinedSpec()
    for override in overrides:
        apply(override, data)
        if override.path == SPEC:
            spec = inline_spec(data, None, (0, 0), override.label)
    return data, spec


@dataclass(frozen=True)
class _Origins:
    """Where the values of a recipe came from."""

    document: Document
    overridden: Mapping[FieldPath, str]
    spec: Document | None

    def problem(self, finding: Finding) -> Problem:
        """A finding, at the override that caused it or else at its place in its file."""
        if self.spec is not None and self._in_spec_file(finding.path):
            return spec_problem(
                self.spec, finding.path[len(SPEC) :], finding.message, at_key=finding.at_key
            )
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

    def _in_spec_file(self, path: FieldPath) -> bool:
        inside = len(path) > len(SPEC) and path[: len(SPEC)] == SPEC
        return inside and len(self._override(path) or ()) <= len(SPEC)

    def _override(self, path: FieldPath) -> FieldPath | None:
        for end in range(len(path), 0, -1):
            if path[:end] in self.overridden:
                return path[:end]
        return None
