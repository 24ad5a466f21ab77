"""What a network costs as it is served, for the run's metrics."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.serving.graph_cost import graph_cost
from parnet_zoo.serving.latency import measure_latency
from parnet_zoo.serving.runtime import Classifier

SECONDS, SECONDS_OF_A_TRIAL = 2.0, 0.2


def served_cost(classifier: Classifier, folder: Path, *, smoke: bool) -> dict[str, float]:
    """Time on this machine, parameters, multiply-adds and size, by the names of the metrics.

    They stand beside the accuracy, so that MLflow's own comparison of runs can draw one against the
    other, for families that know nothing of their cost too.

    Args:
        classifier: The packed network.
        folder: Where it is packed.
        smoke: Whether it is only a trial, which shall be over soon.
    """
    latency = measure_latency(classifier, seconds=SECONDS_OF_A_TRIAL if smoke else SECONDS)
    return {
        **latency.metrics(),
        **graph_cost(folder).metrics(),
        "model_bytes": (folder / "model.onnx").stat().st_size,
    }
