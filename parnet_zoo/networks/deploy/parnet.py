"""ParNet in deploy form: the same function with one 3x3 convolution a block and no BatchNorm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
from keras import layers

from parnet_zoo.networks.deploy.block import BlockStyle
from parnet_zoo.networks.deploy.drawing import draw_deploy
from parnet_zoo.networks.deploy.layers import deploy_dtype

if TYPE_CHECKING:
    from parnet_zoo.networks.parnet import ParNet

STYLE = BlockStyle(padding="around", gate_factor=2.0, fused=("stream", "previous"), shuffled=True)


def draw_parnet_deploy(model: ParNet, outputs: Sequence[str] | None = None) -> keras.Model:
    """Draw the deploy form of a ParNet; see `parnet_zoo.networks.deploy_form.to_deploy_form`."""
    pool = layers.GlobalAveragePooling2D(dtype=deploy_dtype(model), name="head_pool")
    return draw_deploy(model, outputs, style=STYLE, head=pool)
