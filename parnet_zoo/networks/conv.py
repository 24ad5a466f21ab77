"""Keras' convolution, with a faster gradient where there is one."""

from __future__ import annotations

from typing import Any

import keras

from parnet_zoo.networks import tensorflow_ops


@keras.saving.register_keras_serializable(package="parnet_zoo")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`: the same weights, result and gradients, trained faster on processors.

    It has Keras' name, because files of weights go by the names of classes.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve (n, h, w, c) with a kernel of shape (k, k, c, filters)."""
        return convolved(self, inputs, kernel)


def convolved(layer: keras.layers.Conv2D, inputs: Any, kernel: Any) -> Any:
    """The convolution of a layer with one group, whichever way is the fastest."""
    if tensorflow_ops.can_multiply_out(inputs, kernel, layer):
        return tensorflow_ops.conv_multiplied_out(inputs, kernel, layer.strides[0])
    return keras.ops.conv(
        inputs,
        kernel,
        strides=list(layer.strides),
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )
