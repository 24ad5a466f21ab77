"""A recipe file and those that it extends, one after the other."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.document import Document, parse_document
from parnet_zoo.recipe.environment import Unresolved
from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.fields import field_schema, required_keys
from parnet_zoo.recipe.file_schema import EXTENDS
from parnet_zoo.recipe.find import find_recipe
from parnet_zoo.recipe.source_file import read_source
from parnet_zoo.recipe.spec_document import is_spec
from parnet_zoo.recipe.version import LaterVersionError, check_version
from parnet_zoo.user_path import user_path
from registry.english import allowed, found

MOST_FILES = 20
"""Files that one recipe can be made of."""


@dataclass(frozen=True)
class Layer:
    """One file of a recipe.

    Attributes:
        path: The file.
        document: What it says.
    """

    path: Path
    document: Document

    @property
    def data(self) -> dict[str, Any]:
        """What it says but for what it extends."""
        return {key: value for key, value in self.document.data.items() if key != EXTENDS}


@dataclass(frozen=True)
class Layers:
    """All files of a recipe.

    Attributes:
        files: The recipe's own first, then the one that it extends, and so on.
        problems: Why a base could not be read; nothing is known then of what it would have said.
    """

    files: tuple[Layer, ...]
    problems: list[Problem] = field(default_factory=list)


def read_layers(path_or_name: str | Path) -> Layers:
    """Read a recipe file and every file that it extends.

    Raises:
        RecipeError: The recipe itself cannot be read or is none, or a file is of a later version.
    """
    layer = _read(*find_recipe(path_or_name))
    files = [layer]
    while layer.document.data.get(EXTENDS) is not None:
        try:
            layer = _base(files)
        except _BaseError as error:
            return Layers(tuple(files), list(error.problems))
        files.append(layer)
    return Layers(tuple(files))


class _BaseError(RecipeError):
    """A base cannot be read, which is one mistake among others."""


def _base(files: list[Layer]) -> Layer:
    """The file that the last one extends."""
    layer, given = files[-1], files[-1].document.data[EXTENDS]
    if isinstance(given, Unresolved):
        raise _BaseError([_at_extends(layer, given.message)])
    if not isinstance(given, str):
        takes = allowed(field_schema((EXTENDS,)) or {})
        raise _BaseError([_at_extends(layer, f"{found(given)} does not fit; it must be {takes}")])
    try:
        path, shown = find_recipe(user_path(given) if given else given, layer.path.parent)
        base = _read(path, shown)
    except LaterVersionError:
        raise
    except RecipeError as error:
        problems = [
            # What cannot be read at all is a mistake of who names it.
            problem if problem.line else _at_extends(layer, str(problem))
            for problem in error.problems
        ]
        raise _BaseError(problems) from error
    _check_chain(files, base)
    return base


def _check_chain(files: list[Layer], base: Layer) -> None:
    """Refuse a circle, and a chain that is too long to be meant."""
    names = [layer.document.name for layer in files]
    if os.path.realpath(base.path) in {os.path.realpath(layer.path) for layer in files}:
        circle = " -> ".join([*names, base.document.name])
        message = f"the recipes extend each other in a circle: {circle}; one must extend none"
        raise _BaseError([_at_extends(files[-1], message)])
    if len(files) == MOST_FILES:
        message = f"more than {MOST_FILES} files extend each other, from {names[0]} on; use fewer"
        raise _BaseError([_at_extends(files[-1], message)])


def _at_extends(layer: Layer, message: str) -> Problem:
    document = layer.document
    return Problem(*document.position((EXTENDS,)), document.name, EXTENDS, message)


def _read(path: Path, shown: str) -> Layer:
    document = parse_document(read_source(path, shown), shown, os.environ)
    check_version(document)
    if not isinstance(document.data, dict) and document.problems:
        raise RecipeError(document.problems)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"{found(document.data)} found"
        message = f"{what}; a recipe needs at least the keys {', '.join(required_keys())}"
    elif is_spec(document.data):
        use = f"parnet-zoo train RECIPE --model {shlex.quote(shown)}"
        message = f"this is a network's spec, not a recipe; use {use}"
    else:
        return Layer(path, document)
    raise RecipeError([Problem(*document.position(()), shown, "", message)])
