"""An evaluation, kept with the run that made the model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.dataset import TrackedDataset, dataset_input
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.limits import BATCH, key
from parnet_zoo.tracking.store import open_client, speaking_of
from parnet_zoo.tracking.tracked_model import TrackedModel
from parnet_zoo.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Metric

FOLDER = "evaluation"
"""Among the run's artifacts."""


def log_evaluation(
    model: TrackedModel,
    metrics: Mapping[str, float],
    dataset: TrackedDataset,
    files: Sequence[Path],
) -> None:
    """Log metrics, the images that they were measured on, and files to a model's run.

    The metrics are the run's and, where it has one, the logged model's, and each tells its dataset.
    A later evaluation on images of the same name stands beside the earlier one as a newer value.

    Args:
        model: With a run.
        metrics: By name.
        dataset: What they were measured on.
        files: Artifacts for the run's folder `evaluation`; those of the same name are replaced.

    Raises:
        TrackingError: The store does not answer, or refuses; or the model has no run.
    """
    if model.run_id is None:
        raise TrackingError(f"{model.address} has no run in this MLflow store to log to")
    uri = tracking_uri()
    client = open_client(uri)
    used = dataset_input(dataset.to_journal())
    points = _points(metrics, used, model)
    with speaking_of(uri), environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"):
        try:
            # Files first: the values say that all of it is there.
            for file in files:
                client.log_artifact(model.run_id, str(file), FOLDER)
        except OSError as error:
            raise TrackingError(f"the artifacts cannot be stored: {error}") from error
        client.log_inputs(model.run_id, [used])
        for start in range(0, len(points), BATCH):
            client.log_batch(model.run_id, metrics=points[start : start + BATCH], synchronous=True)


def _points(metrics: Mapping[str, float], used: DatasetInput, model: TrackedModel) -> list[Metric]:
    from mlflow.entities import Metric

    now = time.time_ns() // 1_000_000
    return [
        Metric(
            key(name),
            float(value),
            now,
            0,
            model_id=model.model_id,
            dataset_name=used.dataset.name,
            dataset_digest=used.dataset.digest,
            run_id=model.run_id,
        )
        for name, value in metrics.items()
    ]
