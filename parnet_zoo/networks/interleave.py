"""The channel permutation of ParNet's fusions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="parnet_zoo")
class Interleave(keras.layers.Layer):
    """Interleave the channels of two maps of one shape: [a0, b0, a1, b1, ...].

    On the two halves of one map this is the channel shuffle with two groups.
    """

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Two maps of shape (n, h, w, c) to one of (n, h, w, 2c)."""
        stacked = ops.stack(list(inputs), axis=-1)
        batch, height, width, channels, two = ops.shape(stacked)
        return ops.reshape(stacked, (batch, height, width, channels * two))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(n, h, w, 2c)."""
        first = tuple(input_shape[0])
        return (*first[:-1], 2 * first[-1])
