"""A run's values as those of one of its models, each with the images it was measured on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from parnet_zoo.tracking.limits import key

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

_CONTEXT_TAG = "mlflow.data.context"
_CONTEXTS = {"loss": "training", "accuracy": "training", "val": "validation", "test": "test"}
"""By the first word of a metric's name."""


def model_metrics(run: Run, model_id: str, step: int, rows: Iterable[Any]) -> list[Metric]:
    """Values to be logged for a model.

    MLflow writes them for the run as well, unless it has the very same: they must come with the
    time of the run's own.

    Args:
        run: The run, with its datasets.
        model_id: The model.
        step: Finished epochs.
        rows: Name, value and time of each.
    """
    from mlflow.entities import Metric

    datasets = {
        tag.value: used.dataset
        for used in (run.inputs.dataset_inputs if run.inputs else ())
        for tag in used.tags
        if tag.key == _CONTEXT_TAG
    }

    def point(name: str, value: Any, time: Any) -> Metric:
        dataset = datasets.get(_CONTEXTS.get(name.partition("_")[0], ""))
        return Metric(
            key(name),
            float(value),
            int(time),
            step,
            model_id=model_id,
            dataset_name=dataset and dataset.name,
            dataset_digest=dataset and dataset.digest,
        )

    return [point(str(name), value, time) for name, value, time in rows]
