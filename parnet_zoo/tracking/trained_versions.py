"""Registered versions whose training can be gone on from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from parnet_zoo.errors import TrackingError
from parnet_zoo.recipe import Recipe, RecipeError, load_recipe
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri
from parnet_zoo.tracking.weights_file import WEIGHTS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

RECIPE = "recipe.yaml"
"""Where a training leaves its recipe, among its run's artifacts."""
_CHAMPION = "champion"
_MOST = 50
"""Registered models that are looked at, the last changed first."""


@dataclass(frozen=True)
class TrainedVersion:
    """A registered version and what made it.

    Attributes:
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
        name: The registered model.
        recipe: What was trained.
    """

    uri: str
    name: str
    recipe: Recipe


def trained_versions() -> Iterator[TrainedVersion]:
    """The champion, or else the newest version, of each registered model that a training made.

    Versions of other origin, and those whose run left no weights or no recipe that can be read, are
    left out. Where there is no store, none is made and MLflow is not imported.

    Raises:
        TrackingError: The store does not answer.
    """
    store = tracking_uri()
    if missing_database(store):
        return
    client = open_client(store)
    with speaking_of(store):
        models = client.search_registered_models(
            max_results=_MOST, order_by=["last_updated_timestamp DESC"]
        )
        found = [(model.name, sorted(model.aliases or ())) for model in models]
    for name, aliases in found:
        with speaking_of(store):
            uri, version = _best(client, name, aliases)
            recipe = _recipe(client, version) if version else None
        if recipe is not None:
            yield TrainedVersion(uri, name, recipe)


def trained_version(name: str, *, version: str | None, alias: str | None) -> TrainedVersion:
    """One registered version.

    Args:
        name: The registered model.
        version: Its number, or None where the alias says it.
        alias: Without the `@`.

    Raises:
        TrackingError: The store does not answer, has no such version, or not its weights and
            recipe.
    """
    store = tracking_uri()
    uri = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"
    if database := missing_database(store):
        raise TrackingError(
            f"cannot get {uri}: there is no MLflow store {database}; go to the folder where the"
            " training ran, or set MLFLOW_TRACKING_URI"
        )
    client = open_client(store)
    with speaking_of(store):
        if alias:
            found = client.get_model_version_by_alias(name, alias)
        else:
            found = client.get_model_version(name, str(version))
        recipe = _recipe(client, found)
    if recipe is None:
        raise TrackingError(
            f"{uri} was not made by a training of parnet-zoo whose weights and recipe are still"
            " there, so it cannot be gone on from"
        )
    return TrainedVersion(uri, name, recipe)


def _best(client: MlflowClient, name: str, aliases: list[str]) -> tuple[str, ModelVersion | None]:
    if _CHAMPION in aliases:
        version = client.get_model_version_by_alias(name, _CHAMPION)
        return f"models:/{name}@{_CHAMPION}", version
    if "'" in name:  # MLflow's filters cannot say it
        return f"models:/{name}", None
    versions = client.search_model_versions(f"name = '{name}'", max_results=1000)
    newest = max(versions, key=lambda version: int(version.version), default=None)
    return f"models:/{name}/{newest.version if newest else 0}", newest


def _recipe(client: MlflowClient, version: ModelVersion) -> Recipe | None:
    """What was trained, where its weights are there and its recipe can be read."""
    from mlflow.exceptions import MlflowException

    try:
        folder = WEIGHTS.rpartition("/")[0]
        listed = {item.path for item in client.list_artifacts(version.run_id or "", folder)}
        if WEIGHTS not in listed:
            return None
        with (
            TemporaryDirectory(prefix="parnet-zoo-") as directory,
            environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
        ):
            path = client.download_artifacts(version.run_id, RECIPE, directory)
            return load_recipe(Path(path)).recipe
    except (MlflowException, RecipeError, OSError):
        return None
