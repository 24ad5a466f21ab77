"""A recipe from a file, with what it extends and overrides, checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.check import check
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.inline_spec import InlinedSpec, inline_spec
from parnet_zoo.recipe.layers import Layers, read_layers
from parnet_zoo.recipe.merge import Merged, merge
from parnet_zoo.recipe.origins import Origins
from parnet_zoo.recipe.overrides import Override, apply, parse_overrides
from parnet_zoo.recipe.schema.backbone import SPEC
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import Recipe
from parnet_zoo.recipe.unresolved import take_unresolved
from registry.explain import MISSING
from registry.field_path import FieldPath


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe and where it came from.

    Attributes:
        recipe: The recipe with all overrides in it.
        path: The file it was read from.
        files: That file, the one that it extends, and so on.
    """

    recipe: Recipe
    path: Path
    files: tuple[Path, ...]
    _origins: Origins = field(repr=False, compare=False)

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

    def error(self, findings: Iterable[Finding]) -> RecipeError:
        """The error for mistakes that only show later, such as those of `data_findings`."""
        return RecipeError(self._origins.problem(finding) for finding in findings)


def load_recipe(
    path_or_name: str | Path, overrides: Sequence[str] = (), **changes: Any
) -> LoadedRecipe:
    """Read a recipe and what it extends, change it and check all of it.

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
        RecipeError: A file cannot be read, or the recipe is wrong: one line for each mistake.
    """
    layers = read_layers(path_or_name)
    settings = [overrides] if isinstance(overrides, str) else list(overrides)
    known, problems = parse_overrides(settings, changes)
    draft = _Draft(layers, merge([layer.data for layer in layers.files]), problems)
    draft.change(known)
    recipe = draft.checked()
    files = tuple(layer.path for layer in layers.files)
    return LoadedRecipe(recipe, files[0], files, draft.origins)


class _Draft:
    """A recipe in the making: its data, and what was found wrong on the way."""

    def __init__(self, layers: Layers, merged: Merged, problems: list[Problem]) -> None:
        self._layers = layers
        self._merged = merged
        self._problems = problems
        self._spec = InlinedSpec()
        self._labels: dict[FieldPath, str] = {}

    @property
    def origins(self) -> Origins:
        """Where each value came from."""
        documents = [layer.document for layer in self._layers.files]
        return Origins(documents, self._merged, self._labels, self._spec.document)

    def change(self, overrides: Sequence[Override]) -> None:
        """Put the network's spec in the place of its path, and apply overrides in their order."""
        data = self._merged.data
        if not any(override.path == SPEC for override in overrides):
            # Otherwise the files' own network is not wanted.
            layer = self._layers.files[self._merged.owner(SPEC) or 0]
            document = layer.document
            self._spec = inline_spec(
                data, layer.path.parent, document.position(SPEC), document.name
            )
        for override in overrides:
            try:
                apply(override, data)
            except RecipeError as error:
                self._problems += error.problems
                continue
            if not override.implied:
                self._labels[override.path] = override.label
            if override.path == SPEC:
                self._spec = inline_spec(data, None, (0, 0), override.label)

    def checked(self) -> Recipe:
        """The recipe.

        Raises:
            RecipeError: With every mistake of all files and overrides.
        """
        broken = self._broken_by_form() | self._spec.broken
        unresolved = take_unresolved(self._merged.data)
        origins = self.origins
        for path, message in unresolved.items():
            self._problems.append(origins.problem(Finding(path, message)))
            broken.add(path)
        result = check(self._merged.data, broken)
        if isinstance(result, list):
            self._problems += [origins.problem(finding) for finding in self._certain(result)]
        for layer in self._layers.files:
            self._problems += layer.document.problems
        self._problems += [*self._layers.problems, *self._spec.problems]
        if self._problems or isinstance(result, list):
            raise RecipeError(self._problems)
        return result

    def _broken_by_form(self) -> set[FieldPath]:
        """Fields that are missing because of a mistake in YAML, and that no other file gives."""
        owners = self._merged.owners
        return {
            path
            for number, layer in enumerate(self._layers.files)
            for path in layer.document.broken
            if owners.get(path, number) >= number
        }

    def _certain(self, findings: list[Finding]) -> list[Finding]:
        """Without those that a base that cannot be read might have prevented."""
        if not self._layers.problems:
            return findings
        return [
            finding
            for finding in findings
            if not finding.reads and not finding.message.startswith(MISSING)
        ]
