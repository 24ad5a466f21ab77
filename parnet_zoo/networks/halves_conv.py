"""A convolution with two groups, as two plain convolutions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from parnet_zoo.networks.conv import convolved

HALVES = 2


@keras.saving.register_keras_serializable(package="parnet_zoo")
class HalvesConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D(groups=2)`: the same weights and result, on two channel halves.

    Keras' TensorFlow backend sends grouped convolutions through a separately compiled function that
    is slow to start and cannot be exported. Two plain convolutions are the same mathematics.
    """

    def __init__(self, filters: int, kernel_size: int, **options: Any) -> None:
        super().__init__(filters, kernel_size, **{**options, "groups": HALVES})

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve (n, h, w, c) with a kernel of shape (k, k, c / 2, filters)."""
        parts = [
            convolved(self, half, weights)
            for half, weights in zip(
                ops.split(inputs, HALVES, axis=-1), ops.split(kernel, HALVES, axis=-1), strict=True
            )
        ]
        return ops.concatenate(parts, axis=-1)
