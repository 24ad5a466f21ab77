"""The YAML of a network's spec, before it is known to be one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.document import Document, parse_document
from parnet_zoo.recipe.errors import Problem
from parnet_zoo.recipe.shown_path import from_here, shown_path
from parnet_zoo.recipe.source_file import read_source
from parnet_zoo.user_path import user_path
from registry.english import found
from registry.field_path import FieldPath, dotted

SUFFIXES = (".yaml", ".yml")
_OF_SPECS = frozenset({"family", "base"})
_OF_RECIPES = frozenset({"epochs", "model", "data", "extends"})


def is_spec_file(name: Any) -> bool:
    """Whether what should name a network is the path of a spec file."""
    return isinstance(name, str) and name.lower().endswith(SUFFIXES)


def is_spec(data: Mapping[str, Any]) -> bool:
    """Whether the content of a file that should be a recipe is rather a network's spec."""
    return not _OF_SPECS.isdisjoint(data) and _OF_RECIPES.isdisjoint(data)


def read_spec(path: str | Path, folder: Path | None = None) -> Document:
    """The YAML of a spec file, which is not looked into but for being a section.

    Args:
        path: The file, as the user wrote it.
        folder: Where a relative path starts; the current folder by default.

    Raises:
        RecipeError: It cannot be read, or is no YAML.
    """
    file = (folder or Path()) / user_path(path)
    shown = shown_path(from_here(file))
    text = read_source(file, shown, "spec")
    document = parse_document(text, shown)
    if not isinstance(document.data, dict) and not document.problems:
        what = "the file is empty" if document.data is None else f"{found(document.data)} found"
        message = f"{what}; a spec needs the keys family and name, or base"
        document.problems.append(spec_problem(document, (), message))
    return document


def spec_problem(
    document: Document, path: FieldPath, message: str, *, at_key: bool = False
) -> Problem:
    """A mistake at its place in a spec file."""
    line, column = (document.key_position if at_key else document.position)(path)
    return Problem(line, column, document.name, dotted(path), message)
