"""What a deploy form is drawn with: plain Keras layers that come with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from parnet_zoo.networks.deploy.folding import Affine, Array, Convolution, Padding, fold_batch_norm


class DeployLayers:
    """Draws the layers of one folded block, reading the training form's layers of that block.

    Args:
        model: The training form; its layers of the block are named `{block}_{role}`.
        block: The block's name; the drawn layers are named `{block}_{role}` too.
    """

    def __init__(self, model: Any, block: str) -> None:
        self._model = model
        self._block = block
        self.dtype = deploy_dtype(model)

    def convolution(self, role: str) -> Convolution:
        """The training form's convolution of that role; its bias is 0 where it has none."""
        layer = self._trained(role)
        kernel = _value(layer.kernel)
        bias = _value(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1])
        return Convolution(kernel, bias)

    def biased(self, role: str) -> bool:
        """Whether the training form's convolution of that role has a bias."""
        return bool(self._trained(role).use_bias)

    def norm(self, role: str) -> Affine:
        """What the training form's BatchNorm of that role does in inference."""
        layer = self._trained(role)
        variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        return fold_batch_norm(*map(_value, variables), epsilon=layer.epsilon)

    def convolve(
        self, role: str, x: Any, convolution: Convolution, *, stride: int, padding: Padding
    ) -> Any:
        """A 3x3 convolution; at stride 1 it pads all around."""
        if stride > 1:
            # In pixels, since what Keras' "same" does at stride 2 depends on the map's size.
            pixels = 1 if padding == "around" else ((0, 1), (0, 1))
            x = self._layer(layers.ZeroPadding2D, f"{role}_pad", pixels)(x)
        layer = self._layer(
            layers.Conv2D,
            role,
            convolution.kernel.shape[-1],
            3,
            strides=stride,
            padding="same" if stride == 1 else "valid",
        )
        return _weighted(layer, x, [*convolution])

    def gate(self, role: str, x: Any, kernel: Array, bias: Array | None = None) -> Any:
        """sigmoid(W GAP(x) + b), (n, 1, 1, c)."""
        pooled = self._layer(layers.GlobalAveragePooling2D, f"{role}_pool", keepdims=True)(x)
        layer = self._layer(
            layers.Conv2D,
            role,
            kernel.shape[-1],
            1,
            activation="sigmoid",
            use_bias=bias is not None,
        )
        return _weighted(layer, pooled, [kernel] if bias is None else [kernel, bias])

    def scale_and_shift(self, role: str, x: Any, norm: Affine) -> Any:
        """The map, scaled and shifted per channel."""
        layer = self._layer(layers.DepthwiseConv2D, role, 1)
        return _weighted(layer, x, [norm.scale.reshape(1, 1, -1, 1), norm.shift])

    def scale(self, role: str, x: Any, factors: Array) -> Any:
        """The map times factors: (c,), or (c, m) for m outputs of each channel, side by side."""
        kernel = factors.reshape(1, 1, len(factors), -1)
        layer = self._layer(
            layers.DepthwiseConv2D, role, 1, depth_multiplier=kernel.shape[-1], use_bias=False
        )
        return _weighted(layer, x, [kernel])

    def multiply(self, role: str, terms: Sequence[Any]) -> Any:
        """The product of maps."""
        return self._layer(layers.Multiply, role)(terms)

    def add(self, role: str, terms: Sequence[Any]) -> Any:
        """The sum of maps."""
        return self._layer(layers.Add, role)(terms)

    def join(self, role: str, parts: Sequence[Any]) -> Any:
        """Maps behind one another."""
        return self._layer(layers.Concatenate, role)(parts)

    def activate(self, activation: str, x: Any) -> Any:
        """The block's activation, "silu" or "relu"."""
        return self._layer(layers.Activation, activation, activation)(x)

    def _trained(self, role: str) -> Any:
        return self._model.get_layer(self._named(role))

    def _layer(self, kind: Any, role: str, *arguments: Any, **options: Any) -> Any:
        return kind(*arguments, dtype=self.dtype, name=self._named(role), **options)

    def _named(self, role: str) -> str:
        return f"{self._block}_{role}"


def deploy_dtype(model: Any) -> str:
    """float64 where the model's weights are, else float32: also for one in half precision."""
    dtypes = {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights}
    return "float64" if "float64" in dtypes else "float32"


def _value(variable: Any) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(variable), dtype=np.float64)


def _weighted(layer: Any, x: Any, weights: Sequence[Array]) -> Any:
    outputs = layer(x)
    layer.set_weights(weights)
    return outputs
