"""Which file a recipe's path or name means."""

import difflib
import os
from pathlib import Path

from parnet_zoo.recipe.errors import Problem, RecipeError
from parnet_zoo.recipe.shipped import shipped_name, shipped_recipes
from parnet_zoo.recipe.shown_path import from_here, shown_path

NEAR_ENOUGH = 0.5
"""difflib's ratio above which a name counts as a misspelling of another."""


def find_recipe(path_or_name: str | Path, folder: Path | None = None) -> tuple[Path, str]:
    """The file of a recipe, and what messages call it.

    A bare name such as `dogcat` is a shipped recipe if there is one; anything else is a file if
    there is one; then `dogcat.yaml` and `recipes/dogcat.yaml` are the shipped recipe again.

    Args:
        path_or_name: As the user wrote it.
        folder: Where a relative path starts; the current folder by default.

    Raises:
        RecipeError: Neither; the message has the nearest shipped names, and all of them.
    """
    text = os.fspath(path_or_name)
    path = Path(text) if folder is None else folder / text
    name, shipped = shipped_name(text), shipped_recipes()
    if name in shipped and (text == name or not _exists(path)):
        return shipped[name], shown_path(from_here(shipped[name]))
    if name is None or _exists(path):
        return path, shown_path(text if folder is None else from_here(path))
    near = difflib.get_close_matches(name.lower(), shipped, n=1, cutoff=NEAR_ENOUGH)
    hint = f"did you mean {near[0]}? " if near else ""
    message = (
        "there is no such file, and no shipped recipe of that name;"
        f" {hint}shipped recipes: {', '.join(shipped)}"
    )
    raise RecipeError([Problem(0, 0, shown_path(text), "", message)])


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
