"""A trained classifier's files, wherever they are kept."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.serving.quiet import quiet
from parnet_zoo.user_path import user_path

# Two letters at least: C:/models is a folder on Windows.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


@contextmanager
def packed_folder(uri_or_folder: str | Path) -> Iterator[Path]:
    """Give the folder with `model.onnx` and `classifier.json`, which may be gone afterwards.

    Args:
        uri_or_folder: See `load`.

    Raises:
        TrackingError: The MLflow store does not answer or does not have it.
        UsageError: There is no such folder, or it holds no classifier of this project.
    """
    if _URI.match(str(uri_or_folder)):
        with tempfile.TemporaryDirectory(prefix="parnet-zoo-") as temporary:
            yield _inside(_downloaded(str(uri_or_folder), temporary), str(uri_or_folder))
        return
    folder = user_path(uri_or_folder)
    if not folder.is_dir():
        raise UsageError(
            f"no model at {uri_or_folder}: there is no such folder, and an address looks like "
            "models:/NAME@champion"
        )
    yield _inside(folder, str(folder))


def _downloaded(uri: str, temporary: str) -> Path:
    import mlflow
    from mlflow.exceptions import MlflowException

    _check_store_exists(mlflow.get_registry_uri() or mlflow.get_tracking_uri(), uri)
    retries = os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        with quiet(MLFLOW_HTTP_REQUEST_MAX_RETRIES=retries):
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=temporary))
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"cannot get {uri} from the MLflow store: {_reason(error)}; "
            "check the name, and MLFLOW_TRACKING_URI for the store"
        ) from error


def _reason(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    line = re.sub(r"://[^/\s]*@", "://", line)  # an address may hold a password
    unanswered = re.match(r"API request to (\S+) failed with exception", line)
    return f"{unanswered[1]} does not answer" if unanswered else line


def _check_store_exists(store: str, uri: str) -> None:
    """Say that there is no store, where MLflow would make an empty one and look into that."""
    if not store.startswith("sqlite:"):
        return
    from sqlalchemy import make_url

    # Not cut out of the address: a path in it is percent-encoded, and settings may follow.
    path = make_url(store).database
    if path and path != ":memory:" and not Path(path).exists():
        raise TrackingError(
            f"cannot get {uri}: there is no MLflow store {Path(path).resolve()}; go to the folder "
            "where the training ran, or set MLFLOW_TRACKING_URI"
        )


def _inside(folder: Path, name: str) -> Path:
    inside = folder / "artifacts" / "model"
    if not (folder / "MLmodel").is_file():
        return folder
    if not (inside / "classifier.json").is_file():
        raise UsageError(f"{name} is an MLflow model, but not one that parnet-zoo made")
    return inside
