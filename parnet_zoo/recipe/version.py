"""The version of the format that a recipe file is written in."""

from __future__ import annotations

from parnet_zoo.recipe.document import Document
from parnet_zoo.recipe.errors import Problem, RecipeError

VERSION = 1
"""The latest that this package reads; a file without one is of version 1."""


class LaterVersionError(RecipeError):
    """A file is of a later version, which is then the only thing to say about a recipe."""


def check_version(document: Document) -> None:
    """Refuse a file of a later version, of which nothing else could be said with certainty.

    Raises:
        LaterVersionError: It is one.
    """
    data = document.data
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        message = (
            f"this recipe is written in version {version} of the format, and this package reads"
            f" up to version {VERSION}; upgrade it with: pip install --upgrade parnet-zoo"
        )
        place = document.position(("version",))
        raise LaterVersionError([Problem(*place, document.name, "version", message)])
