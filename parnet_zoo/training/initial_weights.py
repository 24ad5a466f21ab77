"""The weights that a training starts from, found before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.keras_file import open_keras_file
from parnet_zoo.recipe import LoadedRecipe, Recipe, RecipeError
from parnet_zoo.recipe.weights_source import LocalFile, parse_weights_source
from parnet_zoo.tracking.weights_file import weights_file

FIELD = "model.weights"


def check_weights(loaded: LoadedRecipe, *, offline: bool = False) -> None:
    """Look at a local file of weights; one in MLflow is looked at once it is here.

    Args:
        loaded: The recipe.
        offline: Whether MLflow may not be asked.

    Raises:
        RecipeError: It is missing, broken, of another kind, or not to be had offline; said at the
            field's place.
    """
    weights = loaded.recipe.model.weights
    if weights is None:
        return
    if not isinstance(parse_weights_source(weights), LocalFile):
        if offline:
            what = f"{weights} is in MLflow, which is not asked offline: give a local file"
            raise RecipeError([loaded.problem(FIELD, what)])
        return
    try:
        with open_keras_file(weights_file(weights, Path())):
            pass
    except CheckpointError as error:
        raise RecipeError([loaded.problem(FIELD, str(error))]) from error


@contextmanager
def initial_weights(recipe: Recipe) -> Iterator[Path | None]:
    """The file of weights that a recipe starts from, as long as the `with` lasts; None without one.

    Raises:
        TrackingError: MLflow does not have them, or does not answer.
        CheckpointError: What it has is broken, or no file of weights.
    """
    weights = recipe.model.weights
    if weights is None:
        yield None
        return
    with TemporaryDirectory(prefix="parnet-zoo-") as directory:
        path = weights_file(weights, Path(directory))
        with open_keras_file(path):
            pass
        yield path
