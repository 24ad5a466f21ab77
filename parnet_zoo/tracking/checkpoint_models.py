"""Checkpoints of a run as models of MLflow, found with `search_logged_models`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parnet_zoo.tracking.model_metrics import model_metrics
from parnet_zoo.tracking.pages import pages

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

KINDS = ("epoch", "best", "last")
MODEL_TYPE = "checkpoint"
KIND_TAG = "parnet_zoo.checkpoint"
STEP_TAG = "parnet_zoo.step"
FILE_TAG = "parnet_zoo.file"
_MOST = 100
"""Models of one answer of the store."""


class CheckpointModels:
    """The checkpoints of one run. Writing one again changes nothing."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self._run_id = run_id

    def write(self, file: Path, data: Mapping[str, Any]) -> None:
        """Log a file of weights as a model with its metrics, and drop those that it replaces.

        Args:
            file: The weights.
            data: The journal's entry: `kind`, `step`, `keep` and `metrics`, the last as rows of
                name, value and time.

        Raises:
            ValueError: The entry makes no sense.
        """
        kind, step = data["kind"], int(data["step"])
        if kind not in KINDS:
            raise ValueError(f"a checkpoint of the unknown kind '{kind}'")
        run = self._client.get_run(self._run_id)
        model = self._found(run, kind, step)
        if model is None:
            model = self._begun(run, file.name, kind, step)
        if str(model.status) != "READY":
            self._client.log_model_artifact(model.model_id, str(file))
            self._link(model.model_id, step, data["metrics"])
            self._client.finalize_logged_model(model.model_id, "READY")
        self._prune(run, kind, data["keep"])

    def _begun(self, run: Any, file: str, kind: str, step: int) -> LoggedModel:
        return self._client.create_logged_model(
            run.info.experiment_id,
            name=f"{kind}-{step:04d}",
            source_run_id=self._run_id,
            tags={KIND_TAG: kind, STEP_TAG: str(step), FILE_TAG: file},
            params=run.data.params,
            model_type=MODEL_TYPE,
        )

    def _link(self, model_id: str, step: int, metrics: Any) -> None:
        """Make the model an output of the run, with the values that the run has at this step.

        A value that comes with the time of the run's own is not written to the run again.
        """
        from mlflow.entities import LoggedModelOutput

        run = self._client.get_run(self._run_id)
        linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
        if model_id not in linked:
            self._client.log_outputs(self._run_id, [LoggedModelOutput(model_id, step)])
        points = model_metrics(run, model_id, step, metrics)
        if points:
            self._client.log_batch(self._run_id, metrics=points, synchronous=True)

    def _found(self, run: Any, kind: str, step: int) -> LoggedModel | None:
        same = [m for m in self._all(run, kind) if m.tags.get(STEP_TAG) == str(step)]
        return same[0] if same else None

    def _all(self, run: Any, kind: str) -> list[LoggedModel]:
        wanted = f"source_run_id = '{self._run_id}' AND tags.`{KIND_TAG}` = '{kind}'"
        search = self._client.search_logged_models
        return list(pages(search, [run.info.experiment_id], wanted, max_results=_MOST))

    def _prune(self, run: Any, kind: str, keep: int | None) -> None:
        """Delete all of a kind but the newest, with their files."""
        if keep is None:
            return
        ready = [model for model in self._all(run, kind) if str(model.status) == "READY"]
        by_age = sorted(ready, key=lambda model: int(model.tags[STEP_TAG]), reverse=True)
        for model in by_age[keep:]:
            self._delete(model)

    def _delete(self, model: LoggedModel) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        # MLflow itself only marks it; what takes the room are the files.
        get_artifact_repository(
            model.artifact_location, tracking_uri=self._client.tracking_uri
        ).delete_artifacts()
        self._client.delete_logged_model(model.model_id)
