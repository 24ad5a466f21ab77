"""The blog's network in deploy form, folded as ParNet is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
from keras import layers

from parnet_zoo.networks.deploy.block import BlockStyle
from parnet_zoo.networks.deploy.drawing import draw_deploy
from parnet_zoo.networks.deploy.layers import deploy_dtype

if TYPE_CHECKING:
    from parnet_zoo.networks.blog.network import ParNetBlog

STYLE = BlockStyle(padding="after", gate_factor=1.0, fused=("previous", "stream"), shuffled=False)


def draw_blog_deploy(model: ParNetBlog, outputs: Sequence[str] | None = None) -> keras.Model:
    """Draw the deploy form of a blog's network; see `deploy_form.to_deploy_form`."""
    flatten = layers.Flatten(dtype=deploy_dtype(model), name="head_flatten")
    return draw_deploy(model, outputs, style=STYLE, head=flatten)
