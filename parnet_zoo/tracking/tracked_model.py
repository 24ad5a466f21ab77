"""A run or a version, by any of its addresses, with what MLflow knows of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.uri import redact, tracking_uri
from parnet_zoo.user_path import user_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

FORMS = (
    "a run's id, runs:/RUN_ID, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID or a folder"
)
_RUN = re.compile(r"(?:runs:/)?(?P<run>[0-9a-f]{32})/?")
_ARTIFACT = re.compile(r"runs:/(?P<run>[0-9a-f]{32})/.+")
_LOGGED = re.compile(r"models:/(?P<model>m-[0-9a-f]{32})")
_VERSION = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[0-9]{1,18})|@(?P<alias>[^/@]+))")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_REGISTERED = "parnet_zoo.registered_model"
_MOST_MLMODEL_BYTES = 1_000_000
_UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class TrackedModel:
    """A trained network, and the run that made it as far as it is still there.

    Attributes:
        address: As it was given.
        uri: What `serving.load` takes; None for a run without a model.
        name: Of the registered model with the version, such as `digits/3`, or of the run.
        run_id: The run; None where there is none.
        model_id: MLflow's logged model; None where there is none.
        run_name: Of the run.
        params: Of the run.
        metrics: Of the run, their last values.
        tags: Of the run.
    """

    address: str
    uri: str | None
    name: str
    run_id: str | None = None
    model_id: str | None = None
    run_name: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def tracked_model(address: str | Path) -> TrackedModel:
    """Look a run or a version up.

    A run stands for the last version that was registered of it, or else for the model that it has
    logged. A folder of an MLflow model stands for the run that is written in it, if the store has
    that run; any other folder has no run.

    Args:
        address: A run's id, `runs:/RUN_ID`, `runs:/RUN_ID/PATH`, `models:/NAME/VERSION`,
            `models:/NAME@ALIAS`, `models:/m-ID`, or a folder.

    Raises:
        UsageError: It is none of these.
        TrackingError: The store does not answer, or does not have it.
    """
    text = str(address)
    folder = user_path(text)
    if not _ADDRESS.match(text) and folder.is_dir():
        return _of_folder(text, folder)
    store = tracking_uri()
    if database := missing_database(store):
        raise TrackingError(
            f"cannot get {text}: there is no MLflow store {database}; go to the folder where the"
            " training ran, or set MLFLOW_TRACKING_URI"
        )
    client = open_client(store)
    with speaking_of(store):
        return _Search(client, text, store).found()


class _Search:
    """Of one address in one store."""

    def __init__(self, client: MlflowClient, address: str, store: str) -> None:
        self._client = client
        self._address = address
        self._store = store

    def found(self) -> TrackedModel:
        from mlflow.exceptions import MlflowException

        try:
            return self._by_form()
        except MlflowException as error:
            if error.error_code not in _UNKNOWN:
                raise
            raise TrackingError(
                f"there is no {self._address} in the MLflow store {redact(self._store)}: check the"
                " name, and MLFLOW_TRACKING_URI for the store"
            ) from error

    def _by_form(self) -> TrackedModel:
        address = self._address
        if match := _VERSION.fullmatch(address):
            return self._of_version(self._version(match))
        if match := _LOGGED.fullmatch(address):
            model = self._client.get_logged_model(match["model"])
            return self._model(address, model.name, model.source_run_id, match["model"])
        if match := _RUN.fullmatch(address):
            return self._of_run(match["run"])
        if match := _ARTIFACT.fullmatch(address):
            return self._model(address, "", match["run"], None)
        raise UsageError(f"'{address}' names no run and no model: give {FORMS}")

    def _version(self, match: re.Match[str]) -> ModelVersion:
        if match["version"] is None:
            return self._client.get_model_version_by_alias(match["name"], match["alias"])
        return self._client.get_model_version(match["name"], match["version"])

    def _of_version(self, version: ModelVersion) -> TrackedModel:
        source = _LOGGED.fullmatch(version.source or "")
        name = f"{version.name}/{version.version}"
        return self._model(
            f"models:/{name}", name, version.run_id or None, source["model"] if source else None
        )

    def _of_run(self, run_id: str) -> TrackedModel:
        run = self._client.get_run(run_id)
        versions = self._client.search_model_versions(f"run_id = '{run_id}'")
        if versions:
            return self._of_version(max(versions, key=lambda found: int(found.version)))
        logged = self._client.search_logged_models(
            [run.info.experiment_id], f"source_run_id = '{run_id}'"
        )
        # Its checkpoints are logged models too, which nothing can serve.
        served = [m.model_id for m in logged if _REGISTERED in m.tags and str(m.status) == "READY"]
        model_id = served[0] if served else None
        return self._model(f"models:/{model_id}" if model_id else None, "", run_id, model_id)

    def _model(
        self, uri: str | None, name: str, run_id: str | None, model_id: str | None
    ) -> TrackedModel:
        known = _run(self._client, run_id)
        return TrackedModel(
            self._address,
            uri,
            name or known.get("run_name") or self._address,
            model_id=model_id,
            **known,
        )


def _run(client: MlflowClient, run_id: str | None) -> dict[str, Any]:
    """What is left of a run."""
    from mlflow.exceptions import MlflowException

    if not run_id:
        return {}
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in _UNKNOWN:
            raise
        return {}
    if run.info.lifecycle_stage == "deleted":
        return {}
    return {
        "run_id": run_id,
        "run_name": run.info.run_name or "",
        "params": dict(run.data.params),
        "metrics": dict(run.data.metrics),
        "tags": dict(run.data.tags),
    }


def _of_folder(text: str, folder: Path) -> TrackedModel:
    name = folder.resolve().name
    written = _written(folder / "MLmodel")
    run_id, model_id = written.get("run_id"), written.get("model_id")
    store = tracking_uri()
    if not isinstance(run_id, str) or missing_database(store):
        return TrackedModel(text, text, name)
    try:
        client = open_client(store)
        with speaking_of(store):
            known = _run(client, run_id)
    except TrackingError:
        known = {}  # a folder answers without a store
    model_id = model_id if known and isinstance(model_id, str) else None
    return TrackedModel(text, text, name, model_id=model_id, **known)


def _written(path: Path) -> Mapping[str, Any]:
    """What an MLmodel file says; nothing where there is none, or it is broken."""
    try:
        if path.stat().st_size > _MOST_MLMODEL_BYTES:
            return {}
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
