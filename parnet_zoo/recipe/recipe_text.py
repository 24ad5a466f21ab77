"""A recipe as it stands in its file."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.recipe.find import find_recipe
from parnet_zoo.recipe.source_file import read_source


def read_recipe_text(path_or_name: str | Path) -> tuple[Path, str]:
    """The file of a recipe and its text, which is not looked into.

    Args:
        path_or_name: A YAML file, or the name of a shipped recipe such as `dogcat`.

    Raises:
        RecipeError: It cannot be read.
    """
    path, shown = find_recipe(path_or_name)
    return path, read_source(path, shown)
