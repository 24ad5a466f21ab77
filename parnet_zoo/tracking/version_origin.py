"""Where a registered version comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe import Recipe, RecipeError, load_recipe
from parnet_zoo.recipe.weights_source import RegisteredVersion, parse_weights_source
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.trained_versions import RECIPE
from parnet_zoo.tracking.uri import redact, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_DIGEST = "parnet_zoo.data_digest"
_DIRECTORY = "parnet_zoo.directory"
_DEEP = 2
"""Folders between a run's own and the one in which it was started: `.parnet-zoo/runs`."""


@dataclass(frozen=True)
class VersionOrigin:
    """A registered version, and the run that made it as far as it is still there.

    Attributes:
        name: The registered model.
        version: Its number.
        run_id: The run; None where the version has none.
        recipe: What was trained; None where the run or its recipe is gone or cannot be read.
        data_digest: Of the images that it was trained with.
        folder: The working directory of the training, on the machine where that was.
        metrics: The run's, their last values.
    """

    name: str
    version: str
    run_id: str | None = None
    recipe: Recipe | None = None
    data_digest: str | None = None
    folder: Path | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """`models:/NAME/VERSION`."""
        return f"models:/{self.name}/{self.version}"


def version_origin(uri: str) -> VersionOrigin:
    """Look a registered version up.

    Args:
        uri: `models:/NAME/VERSION` or `models:/NAME@ALIAS`.

    Raises:
        UsageError: The address has another form.
        TrackingError: The store does not answer, or has no such version.
    """
    source = _parsed(uri)
    store = tracking_uri()
    if database := missing_database(store):
        raise TrackingError(
            f"cannot get {uri}: there is no MLflow store {database}; go to the folder where the"
            " training ran, or set MLFLOW_TRACKING_URI"
        )
    client = open_client(store)
    with speaking_of(store):
        version = _found(client, source, uri, store)
        origin = VersionOrigin(source.name, str(version.version))
        return replace(origin, **_run(client, version.run_id))


def _parsed(uri: str) -> RegisteredVersion:
    try:
        source = parse_weights_source(uri)
    except ValueError:
        source = None
    if not isinstance(source, RegisteredVersion):
        raise UsageError(
            f"'{uri}' names no registered version: give models:/NAME/VERSION or models:/NAME@ALIAS"
        )
    return source


def _found(client: MlflowClient, source: RegisteredVersion, uri: str, store: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        if source.version is None:
            return client.get_model_version_by_alias(source.name, source.alias)
        return client.get_model_version(source.name, source.version)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        reason = str(error).splitlines()[0].rstrip(".")
        raise TrackingError(
            f"there is no version {uri} in the MLflow store {redact(store)}: {reason}"
        ) from error


def _run(client: MlflowClient, run_id: str | None) -> dict[str, Any]:
    """What is left of the run."""
    from mlflow.exceptions import MlflowException

    if not run_id:
        return {}
    try:
        data = client.get_run(run_id).data
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return {}
    directory = data.tags.get(_DIRECTORY)
    parents = Path(directory).parents if directory else ()
    return {
        "run_id": run_id,
        "recipe": _recipe(client, run_id),
        "data_digest": data.tags.get(_DIGEST),
        "folder": parents[_DEEP] if len(parents) > _DEEP else None,
        "metrics": dict(data.metrics),
    }


def _recipe(client: MlflowClient, run_id: str) -> Recipe | None:
    from mlflow.exceptions import MlflowException

    with (
        TemporaryDirectory(prefix="parnet-zoo-") as directory,
        environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ):
        try:
            return load_recipe(Path(client.download_artifacts(run_id, RECIPE, directory))).recipe
        except (MlflowException, RecipeError, OSError):
            return None
