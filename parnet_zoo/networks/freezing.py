"""Stages of a network that training leaves as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from parnet_zoo.networks.stage_layers import layers_by_stage
from parnet_zoo.networks.stages import stages_matching
from registry import SpecError


def freeze(model: Any, stages: str | Sequence[str], *, statistics: bool = True) -> tuple[str, ...]:
    """Freeze stages, so that training computes no gradients for their weights and keeps them.

    Call it before the network is compiled. A stage can be given by its name (`stream_0`), with its
    group (`stem` is `stem_0` and `stem_1`), or by a pattern (`stream_*`); the classifier is `head`.

    Args:
        model: A network with named stages, as every ParNet has.
        stages: What to freeze: one such word, or several.
        statistics: Whether BatchNorm's moving statistics are frozen as well. They are then also
            what training normalises by. Otherwise batches are normalised by their own statistics,
            and the moving ones go on adapting to the new images.

    Returns:
        The names of the frozen stages, in the network's order.

    Raises:
        SpecError: There is no such stage, the network has none, or nothing would be left to train.
    """
    words = (stages,) if isinstance(stages, str) else tuple(stages)
    layers = layers_by_stage(model)
    if not layers:
        raise SpecError(f"{model.name} has no named stages, so none of them can be frozen")
    found = {stage for word in words for stage in stages_matching(word, layers, model.name)}
    chosen = tuple(stage for stage in layers if stage in found)
    frozen = {id(layer) for stage in chosen for layer in layers[stage]}
    if all(id(layer) in frozen for layer in model.layers if layer.trainable_weights):
        patterns = [word for word in words if set(word) & set("*?[")]
        hint = f"name some in place of {', '.join(patterns)}" if patterns else "leave one out"
        raise SpecError(
            f"{model.name}: with {', '.join(chosen)} frozen nothing is left to train; {hint}"
        )
    for stage in chosen:
        for layer in layers[stage]:
            _freeze(layer, statistics=statistics)
    return chosen


def _freeze(layer: Any, *, statistics: bool) -> None:
    if statistics or not isinstance(layer, keras.layers.BatchNormalization):
        layer.trainable = False
        return
    # Of a layer that is not trainable, BatchNormalization would stop the statistics too.
    for variable in layer.trainable_weights:
        variable.trainable = False
