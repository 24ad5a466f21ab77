"""Shortcuts of the training graph have the gradients of the plain layers that they stand for."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from parnet_zoo.networks import tensorflow_ops
from parnet_zoo.networks.activation import activation_layer
from parnet_zoo.networks.conv import Conv2D
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.halves_conv import HalvesConv2D


def gradients(layer: Any, inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs, and the gradients of the inputs and of the layer's weights."""
    images = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = tf.cast(layer(images), tf.float64)
        random = np.random.default_rng(3).normal(size=outputs.shape)
        loss = tf.reduce_sum(outputs * random)
    found = tape.gradient(loss, [images, *layer.trainable_variables])
    return [np.asarray(tf.cast(value, tf.float32)) for value in (outputs, *found)]


def assert_same(ours: Any, theirs: Any, inputs: np.ndarray, tolerance: float) -> None:
    for layer in (ours, theirs):
        layer.build(inputs.shape)
    for own, other in zip(ours.weights, theirs.weights, strict=True):
        own.assign(other)
    for a, b in zip(gradients(ours, inputs), gradients(theirs, inputs), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 2e-2)])
@pytest.mark.parametrize(
    ("shape", "filters", "options"),
    [
        ((2, 6, 8, 5), 7, {}),
        ((3, 10, 10, 4), 6, {}),
        ((2, 8, 8, 256), 512, {"strides": 2}),
        ((2, 9, 7, 3), 4, {"strides": 2}),
        ((2, 30, 30, 3), 4, {}),
        ((2, 6, 6, 3), 4, {"padding": "same", "use_bias": True}),
    ],
)
def test_a_convolution_is_keras_own(
    shape: tuple[int, ...], filters: int, options: dict[str, Any], policy: str, tolerance: float
) -> None:
    options = {"use_bias": False, **options, "dtype": policy}
    inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
    ours, theirs = Conv2D(filters, 3, **options), keras.layers.Conv2D(filters, 3, **options)
    assert_same(ours, theirs, inputs, tolerance)


def test_a_convolution_on_two_halves_is_keras_own() -> None:
    inputs = np.random.default_rng(0).normal(size=(2, 8, 8, 6)).astype("float32")
    assert_same(HalvesConv2D(4, 3), keras.layers.Conv2D(4, 3, groups=2), inputs, 1e-5)


def test_kernels_are_multiplied_out_where_maps_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    multiplied: list[tuple[int, ...]] = []
    real = tensorflow_ops.conv_multiplied_out

    def noted(inputs: Any, *rest: Any) -> Any:
        multiplied.append(tuple(inputs.shape))
        return real(inputs, *rest)

    monkeypatch.setattr(tensorflow_ops, "conv_multiplied_out", noted)
    layer = Conv2D(4, 3)
    for side in (10, 11, 40):
        layer(np.zeros((1, side, side, 2), "float32"))
    if tf.config.list_physical_devices("GPU"):
        assert multiplied == []
    else:
        assert multiplied == [(1, 10, 10, 2)]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_silu_has_the_gradient_of_x_sigmoid_x(policy: str) -> None:
    inputs = np.linspace(-12, 12, 400, dtype="float32").reshape(1, 20, 20, 1)
    with dtype_policy(policy):
        layer = activation_layer("silu", "silu")
    images = tf.cast(inputs, layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = layer(images)
    slope = np.asarray(tf.cast(tape.gradient(outputs, images), tf.float64))
    x = np.asarray(tf.cast(images, tf.float64))
    sigmoid = 1 / (1 + np.exp(-x))
    exact = sigmoid * (1 + x * (1 - sigmoid))
    np.testing.assert_allclose(slope, exact, atol=1e-6 if policy == "float32" else 4e-3)


def test_layers_are_saved_under_keras_own_names() -> None:
    layer = Conv2D(4, 3, name="it")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is Conv2D
    assert Conv2D.__name__ == keras.layers.Conv2D.__name__, "files of weights go by it"
