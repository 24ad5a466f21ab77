"""Weights that a run left in MLflow, as a local file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe.weights_source import (
    LocalFile,
    LoggedCheckpoint,
    RegisteredVersion,
    RunArtifact,
    parse_weights_source,
)
from parnet_zoo.tracking.checkpoint_models import FILE_TAG
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.uri import redact, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

WEIGHTS = "weights/best.weights.h5"
"""Where a training leaves the weights of its best epoch, among its run's artifacts."""


def weights_file(uri: str, directory: Path) -> Path:
    """Bring the weights that an address names onto this machine.

    A registered version holds the network for serving only, as ONNX; the weights are those of the
    run that made it.

    Args:
        uri: A local path, given back as it is; `runs:/RUN_ID/PATH`; `runs:/RUN_ID`, which is that
            run's `weights/best.weights.h5`; `models:/NAME/VERSION` or `models:/NAME@ALIAS`;
            `models:/m-ID`, a checkpoint.
        directory: An existing folder, where a download is put.

    Returns:
        The file.

    Raises:
        UsageError: The address has another form.
        TrackingError: The store does not answer, or has no such run, version or artifact.
    """
    try:
        source = parse_weights_source(uri)
    except ValueError as error:
        raise UsageError(f"{uri}: {error}") from None
    if isinstance(source, LocalFile):
        return source.path
    store = tracking_uri()
    if database := missing_database(store):
        raise TrackingError(
            f"cannot get {uri}: there is no MLflow store {database}; go to the folder where the"
            " training ran, or set MLFLOW_TRACKING_URI"
        )
    client = open_client(store)
    with _missing_in_words(uri, store), speaking_of(store):
        if isinstance(source, LoggedCheckpoint):
            return _checkpoint(client, source, uri, directory)
        if isinstance(source, RegisteredVersion):
            source = RunArtifact(_run_of(client, source, uri), None)
        return _downloaded(client, source, uri, directory)


def _run_of(client: MlflowClient, source: RegisteredVersion, uri: str) -> str:
    """The run that made a version."""
    if source.version is not None:
        version = client.get_model_version(source.name, source.version)
    else:
        version = client.get_model_version_by_alias(source.name, source.alias)
    if not version.run_id:
        raise TrackingError(f"{uri} was not registered from a run, so it has no weights")
    return str(version.run_id)


def _checkpoint(client: MlflowClient, source: LoggedCheckpoint, uri: str, directory: Path) -> Path:
    from mlflow.artifacts import download_artifacts

    name = str(client.get_logged_model(source.model_id).tags.get(FILE_TAG, ""))
    if not name or "/" in name or "\\" in name or name in (".", ".."):
        raise TrackingError(f"{uri} is no checkpoint of a training")
    with environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"):
        folder = download_artifacts(
            f"models:/{source.model_id}", dst_path=str(directory), tracking_uri=client.tracking_uri
        )
    file = Path(folder) / name
    if not file.is_file():
        raise TrackingError(f"cannot get {uri}: its file {name} is gone")
    return file


def _downloaded(client: MlflowClient, source: RunArtifact, uri: str, directory: Path) -> Path:
    artifact = source.artifact or WEIGHTS
    folder, _, _ = artifact.rpartition("/")
    # An artifact store answers a missing file in its own way; MLflow lists them all alike.
    listed = {item.path: item for item in client.list_artifacts(source.run_id, folder or None)}
    if artifact not in listed or listed[artifact].is_dir:
        files = ", ".join(path for path, item in listed.items() if not item.is_dir)
        has = f"{folder or 'it'} has {files}" if files else f"nothing is in {folder or 'it'}"
        raise TrackingError(f"cannot get {uri}: run {source.run_id} has no file {artifact}; {has}")
    with environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"):
        return Path(client.download_artifacts(source.run_id, artifact, str(directory)))


@contextmanager
def _missing_in_words(uri: str, store: str) -> Iterator[None]:
    """Say what was asked for where the store answers that it does not have it."""
    try:
        yield
    except TrackingError as error:
        if error.__cause__ is None:
            raise
        reason = str(error).rpartition(" refuses: ")[2].rstrip(".")
        raise TrackingError(
            f"cannot get {uri} from the MLflow store {redact(store)}: {reason}"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)[:200]
        raise TrackingError(f"cannot get {uri}: {redact(reason)}") from error
