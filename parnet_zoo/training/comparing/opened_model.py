"""A run or version with its network in memory, if it has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from parnet_zoo.errors import UsageError
from parnet_zoo.serving.graph_cost import GraphCost, graph_cost
from parnet_zoo.serving.packed_folder import packed_folder
from parnet_zoo.serving.runtime import Classifier, RuntimeModelError
from parnet_zoo.tracking.tracked_model import TrackedModel


@dataclass(frozen=True)
class OpenedModel:
    """What can be measured of it.

    Attributes:
        known: What MLflow knows.
        classifier: The served network; None for a run without one.
        cost: Counted in its graph.
        size: Bytes of the graph.
    """

    known: TrackedModel
    classifier: Classifier | None = None
    cost: GraphCost | None = None
    size: int | None = None

    @classmethod
    def open(cls, known: TrackedModel) -> Self:
        """Fetch and load it.

        Raises:
            TrackingError: The store does not answer or has lost it.
            UsageError: It is no classifier of this project, or broken.
        """
        if known.uri is None:
            return cls(known)
        with packed_folder(known.uri) as folder:
            try:
                classifier, cost = Classifier(folder), graph_cost(folder)
            except RuntimeModelError as error:
                raise UsageError(str(error)) from error
            return cls(known, classifier, cost, (folder / "model.onnx").stat().st_size)

    def logged(self) -> dict[str, Any]:
        """Of `ComparedModel`: what its run has logged, and what its graph tells."""
        params, metrics, tags = self.known.params, self.known.metrics, self.known.tags
        resolution = self.classifier.size if self.classifier else _whole(params, "spec.resolution")
        return {
            "address": self.known.address,
            "name": self.known.name,
            "model_uri": self.known.uri,
            "run_id": self.known.run_id,
            "backbone": params.get("spec.name"),
            "recipe": tags.get("parnet_zoo.recipe"),
            "resolution": resolution,
            "test_accuracy": metrics.get("test_accuracy"),
            "val_accuracy": metrics.get("best_val_accuracy", metrics.get("val_accuracy")),
            "training_cpu_seconds": metrics.get("cpu_seconds"),
            "data_digest": tags.get("parnet_zoo.data_digest"),
            "model_bytes": self.size,
            **self._cost(),
        }

    def _cost(self) -> dict[str, Any]:
        if self.cost is not None:
            return _cost(self.cost.parameters, self.cost.multiply_adds, "served")
        metrics, params = self.known.metrics, self.known.params
        if {"parameters", "multiply_adds"} <= set(metrics):
            return _cost(int(metrics["parameters"]), int(metrics["multiply_adds"]), "served")
        counted = _whole(params, "cost.parameters"), _whole(params, "cost.multiply_adds")
        return _cost(*counted, "training" if counted[0] else None)


def _cost(parameters: int | None, multiply_adds: int | None, form: str | None) -> dict[str, Any]:
    return {"parameters": parameters, "multiply_adds": multiply_adds, "form": form}


def _whole(params: Any, name: str) -> int | None:
    try:
        return int(params[name])
    except (KeyError, ValueError):
        return None
