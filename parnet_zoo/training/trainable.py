"""Which parts of a network are trained, for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parnet_zoo.networks.freezing import freeze
from parnet_zoo.networks.stages import HEAD


def head_only(model: Any) -> Callable[[], None]:
    """Freeze all stages but the head, their statistics included.

    Args:
        model: A network with named stages and a head.

    Returns:
        What lets them be trained again as they were before.

    Raises:
        SpecError: The network has no named stages.
    """
    layers = [(layer, layer.trainable) for layer in model.layers]
    variables = [(variable, variable.trainable) for variable in model.weights]
    freeze(model, [stage for stage in model.stage_outputs if stage != HEAD])

    def again() -> None:
        # Layers first: a layer hands its flag down to all of its variables.
        for layer, trainable in layers:
            layer.trainable = trainable
        for variable, trainable in variables:
            variable.trainable = trainable

    return again
