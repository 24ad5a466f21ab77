"""MLflow's logged model that a registered version is made of: one for each run and name."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parnet_zoo.errors import ParnetZooError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric

NAME_TAG = "parnet_zoo.registered_model"
_READY = "READY"


class ServedModel:
    """Begins it, fills it and links it, each once, wherever a crash broke the last try off."""

    def __init__(self, client: MlflowClient, run_id: str, name: str) -> None:
        self._client = client
        self._run_id = run_id
        self._name = name

    def complete(
        self,
        save: Callable[[str, Any], None],
        *,
        metadata: dict[str, Any],
        step: int,
    ) -> str:
        """Have the model, its files and its metrics in MLflow.

        Args:
            save: Gets an empty path and MLflow's `Model`, and writes the model's files to the path.
            metadata: For the MLmodel file.
            step: Of the run's metrics that are the model's.

        Returns:
            The model's id.

        Raises:
            ParnetZooError: What `save` raises; the model is then FAILED in MLflow.
            MlflowException: The store fails.
        """
        model = self._found() or self._begun()
        if str(model.status) != _READY:
            try:
                self._fill(model, save, metadata)
            except ParnetZooError:
                self._client.finalize_logged_model(model.model_id, "FAILED")
                raise
            self._link(model, step)
            self._client.finalize_logged_model(model.model_id, _READY)
        return str(model.model_id)

    def _found(self) -> LoggedModel | None:
        run = self._client.get_run(self._run_id)
        wanted = f"source_run_id = '{self._run_id}' AND tags.`{NAME_TAG}` = '{self._name}'"
        found = self._client.search_logged_models([run.info.experiment_id], wanted)
        return found[0] if found else None

    def _begun(self) -> LoggedModel:
        """Open it in the run's experiment; MLflow would take the process' current one."""
        run = self._client.get_run(self._run_id)
        return self._client.create_logged_model(
            run.info.experiment_id,
            # Registered models may have more characters in their names than logged ones.
            name=re.sub(r"[/:.%\"']", "-", self._name),
            source_run_id=self._run_id,
            tags={NAME_TAG: self._name},
            params=run.data.params,
        )

    def _fill(
        self, model: LoggedModel, save: Callable[[str, Any], None], metadata: dict[str, Any]
    ) -> None:
        # Not `Model.log`, which makes the model an output of the run anew each time.
        from mlflow.models import Model

        with tempfile.TemporaryDirectory(prefix="parnet-zoo-") as temporary:
            path = Path(temporary, "model")
            described = Model(
                artifact_path=model.artifact_location,
                model_uuid=model.model_id,
                run_id=self._run_id,
                metadata=metadata,
                model_id=model.model_id,
            )
            save(str(path), described)
            # It was loaded for its check.
            for cache in list(path.rglob("__pycache__")):
                shutil.rmtree(cache, ignore_errors=True)
            self._client.log_model_artifacts(model.model_id, str(path))

    def _link(self, model: LoggedModel, step: int) -> None:
        """Make it an output of the run, with the values that the run has at this step."""
        from mlflow.entities import LoggedModelOutput

        outputs = self._client.get_run(self._run_id).outputs
        linked = {output.model_id for output in outputs.model_outputs} if outputs else set()
        if model.model_id not in linked:
            self._client.log_outputs(self._run_id, [LoggedModelOutput(model.model_id, step)])
        if points := self._points(step, str(model.model_id)):
            self._client.log_batch(self._run_id, metrics=points, synchronous=True)

    def _points(self, step: int, model_id: str) -> list[Metric]:
        from mlflow.entities import Metric

        names = self._client.get_run(self._run_id).data.metrics
        histories = (self._client.get_metric_history(self._run_id, name) for name in names)
        return [
            Metric(point.key, point.value, point.timestamp, step, model_id=model_id)
            for history in histories
            for point in history
            if point.step == step and point.model_id is None
        ]
