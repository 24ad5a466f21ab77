"""The recipes that there are, in a line each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.recipe.document import parse_document
from parnet_zoo.recipe.errors import RecipeError
from parnet_zoo.recipe.load import load_recipe
from parnet_zoo.recipe.shipped import FOLDER, SUFFIX, shipped_recipes
from parnet_zoo.recipe.source_file import read_source
from parnet_zoo.recipe.spec_document import is_spec

SHIPPED = "shipped"


@dataclass(frozen=True)
class RecipeSummary:
    """One recipe.

    Attributes:
        recipe: What commands take: a shipped name, or a path.
        origin: `shipped`, or the folder that its file lies in.
        description: Its own words.
        network: Name of the network.
        resolution: Of the network, in pixels.
        epochs: Epochs, unless the clock decides.
        time: The time that it may take, such as `30m`; None where epochs decide.
        error: Why it cannot be used, one line for each mistake; None where it can, and then all
            others but `recipe` and `origin` are None.
    """

    recipe: str
    origin: str
    description: str | None = None
    network: str | None = None
    resolution: int | None = None
    epochs: int | None = None
    time: str | None = None
    error: str | None = None


def list_recipes(folder: str | Path = FOLDER) -> list[RecipeSummary]:
    """The shipped recipes, then those of a folder.

    Args:
        folder: Its `*.yaml` files are listed too, but for specs of networks.
    """
    shipped = shipped_recipes()
    summaries = [_summary(name, name, SHIPPED) for name in shipped]
    known = {path.resolve() for path in shipped.values()}
    for path in sorted(Path(folder).glob(f"*{SUFFIX}")):
        if path.resolve() not in known and not _is_spec(path):
            # A bare or shipped name would mean another file than this one.
            summaries.append(_summary(path, str(path), str(Path(folder))))
    return summaries


def _summary(source: str | Path, shown: str, origin: str) -> RecipeSummary:
    try:
        recipe = load_recipe(source).recipe
    except RecipeError as error:
        return RecipeSummary(shown, origin, error=str(error))
    spec = recipe.spec()
    return RecipeSummary(
        recipe=shown,
        origin=origin,
        description=recipe.description,
        network=spec.name,
        resolution=spec.resolution,
        epochs=recipe.epochs if recipe.time is None else None,
        time=recipe.time,
    )


def _is_spec(path: Path) -> bool:
    try:
        data = parse_document(read_source(path, str(path)), str(path)).data
    except RecipeError:
        return False
    return isinstance(data, dict) and is_spec(data)
