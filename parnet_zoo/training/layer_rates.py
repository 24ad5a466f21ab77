"""Lower learning rates for earlier stages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from parnet_zoo.errors import UsageError
from parnet_zoo.networks.stage_layers import layers_by_stage
from parnet_zoo.recipe.schema.optimizer import OptimizerSection

_STREAM = "stream"


def layer_rates(model: Any, section: OptimizerSection) -> list[float] | None:
    """The part of the learning rate that each weight is trained with.

    The head has 1, and each stage before it `layer_decay` of the stage that follows in the order of
    the network's stages. Streams lie side by side, as deep as each other, and count as one stage.

    Args:
        model: A network with named stages, as every ParNet has.
        section: Says by which factor rates fall.

    Returns:
        One factor for each of `model.trainable_variables`, or None where all are 1.

    Raises:
        UsageError: The network has no named stages.
    """
    decay = section.layer_decay
    if decay is None or decay == 1:
        return None
    stages = layers_by_stage(model)
    if not stages:
        raise UsageError(
            f"optimizer.layer_decay: {model.name} has no named stages to give rates to; remove it,"
            " or train a ParNet"
        )
    factors: dict[int, float] = {}
    for level, names in enumerate(reversed(_levels(stages))):
        for layer in (layer for name in names for layer in stages[name]):
            factors |= dict.fromkeys(map(id, layer.variables), decay**level)
    return [factors[id(variable)] for variable in model.trainable_variables]


def _levels(stages: Iterable[str]) -> list[list[str]]:
    """The stages in order, those side by side together."""
    levels: list[list[str]] = []
    for stage in stages:
        if levels and all(name.rpartition("_")[0] == _STREAM for name in (stage, levels[-1][0])):
            levels[-1].append(stage)
        else:
            levels.append([stage])
    return levels
