"""A network drawn in deploy form, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from parnet_zoo.networks.deploy.block import BlockStyle, FoldedBlock
from parnet_zoo.networks.deploy.exposed_blocks import exposed_blocks
from parnet_zoo.networks.deploy.layers import DeployLayers, deploy_dtype
from parnet_zoo.networks.deploy.map import DeployMap
from parnet_zoo.networks.topology import IMAGE, Topology

EVEN_PLACES, ODD_PLACES = (1.0, 0.0), (0.0, 1.0)


def draw_deploy(
    model: Any, outputs: Sequence[str] | None, *, style: BlockStyle, head: Any
) -> keras.Model:
    """Draw the deploy form of a network that `to_deploy_form` was asked for.

    Args:
        model: The training form, wired by its `topology`; layers are named `{block}_{role}`.
        outputs: Names of pyramid levels and stages, or None for the model's own output.
        style: Of the model's blocks.
        head: The layer between the last map and the logits.
    """
    wiring = model.topology
    exposed = None if outputs is None else exposed_blocks(model.name, _ends(wiring), outputs)
    image = keras.Input(model.image_shape, dtype=model.inputs[0].dtype, name=IMAGE)
    maps = {IMAGE: DeployMap(image, np.arange(image.shape[-1]))}
    for plan in wiring.blocks:
        block = FoldedBlock(plan, model, style)
        maps[plan.name] = block.draw([maps[name] for name in plan.inputs])
    if exposed is not None:
        ordered = {block: _ordered(model, block, maps[block]) for block in exposed.values()}
        result = {name: ordered[block] for name, block in exposed.items()}
    else:
        result = maps[wiring.blocks[-1].name].tensor
        if model.num_classes is not None:
            result = _logits(model, head(result))
    return keras.Model(image, result, name=f"{model.name}_deploy")


def _ends(wiring: Topology) -> dict[str, str]:
    """Every pyramid level and stage, to the block that ends it."""
    return {f"P{level}": block for level, block in wiring.pyramid.items()} | wiring.stages


def _ordered(model: Any, block: str, source: DeployMap) -> Any:
    """An exposed map with the training form's order of channels.

    Only shuffled fusions come in another one: half 0, which belongs at the even places, then half
    1. Each half is spread with zeros between its channels, and both are added. That is exact, and
    takes 2 multiply-adds a channel and pixel; a 1x1 convolution by a permutation matrix takes as
    many as there are channels, a weight for each pair of them, and rounds on hardware that
    multiplies matrices in fewer bits.
    """
    if source.ordered:
        return source.tensor
    half, draw = len(source.order) // 2, DeployLayers(model, f"{block}_ordered")
    even, odd = source.tensor[..., :half], source.tensor[..., half:]
    spread = [
        draw.scale("even", even, np.tile(EVEN_PLACES, (half, 1))),
        draw.scale("odd", odd, np.tile(ODD_PLACES, (half, 1))),
    ]
    return draw.add("sum", spread)


def _logits(model: Any, features: Any) -> Any:
    trained = model.get_layer("head_logits")
    dense = layers.Dense(trained.units, dtype=deploy_dtype(model), name="head_logits")
    outputs = dense(features)
    dense.set_weights(trained.get_weights())
    return outputs
