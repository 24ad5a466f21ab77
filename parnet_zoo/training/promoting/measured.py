"""What the gate asks about, at the end of a training."""

from __future__ import annotations

from collections.abc import Mapping

from parnet_zoo.training.judge import Judged
from parnet_zoo.training.promoting.gate import Measured

_DIFFERENCE = "deploy_max_probability_difference"


def measured(on_validation: Judged, metrics: Mapping[str, float]) -> Measured:
    """The numbers that have just been measured through the files that are served.

    Args:
        on_validation: The validation images.
        metrics: The run's last ones, by name.
    """
    return Measured(
        accuracy=on_validation.accuracy,
        latency_ms=metrics.get("latency_ms"),
        # A family without a deploy form is served as it was trained.
        deploy_difference=metrics.get(_DIFFERENCE, 0.0),
    )
