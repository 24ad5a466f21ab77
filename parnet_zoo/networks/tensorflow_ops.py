"""The one door to what only TensorFlow can do; everything else speaks keras.ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

HALF = frozenset({"bfloat16", "float16"})
FUSABLE = HALF | {"float32"}


def can_fuse(inputs: Any, layer: keras.layers.BatchNormalization) -> bool:
    """Whether TensorFlow's fused kernel takes these inputs with this layer's settings."""
    return (
        keras.config.backend() == "tensorflow"
        and len(inputs.shape) == 4  # noqa: PLR2004 - n, h, w, c
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not getattr(layer, "renorm", False)
        and _dtype(inputs) in FUSABLE
        and layer.variable_dtype == "float32"
    )


def fused_batch_norm(
    inputs: Any, layer: keras.layers.BatchNormalization, *, training: bool
) -> tuple[Any, Any, Any]:
    """Normalised inputs, and in training the batch's mean and unbiased variance (c,)."""
    import tensorflow as tf

    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.convert_to_tensor(layer.gamma),
        offset=tf.convert_to_tensor(layer.beta),
        mean=[] if training else tf.convert_to_tensor(layer.moving_mean),
        variance=[] if training else tf.convert_to_tensor(layer.moving_variance),
        epsilon=layer.epsilon,
        is_training=training,
    )
    return outputs, mean, variance


def replicas() -> int:
    """How many devices a strategy runs this code on; 1 outside of strategies."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context else 1


def shared_batch_norm(inputs: Any, layer: keras.layers.BatchNormalization) -> tuple[Any, Any, Any]:
    """`fused_batch_norm` in training by the statistics of all replicas' inputs together.

    The deviations are squared after the mean is known everywhere: the mean of squares less the
    square of the mean, as Keras has it, loses digits where the mean is large.
    """
    import tensorflow as tf

    x = tf.cast(inputs, tf.float32)
    axes = [0, 1, 2]
    count = _over_replicas(tf.cast(tf.size(x) // tf.shape(x)[-1], tf.float32))
    mean = _over_replicas(tf.reduce_sum(x, axes)) / count
    variance = _over_replicas(tf.reduce_sum(tf.math.squared_difference(x, mean), axes)) / count
    gamma, beta = tf.convert_to_tensor(layer.gamma), tf.convert_to_tensor(layer.beta)
    outputs = tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)
    unbiased = variance * (count / tf.maximum(count - 1.0, 1.0))
    return tf.cast(outputs, inputs.dtype), mean, unbiased


def _over_replicas(value: Any) -> Any:
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def can_silu(inputs: Any) -> bool:
    """Whether `silu` takes these inputs and is better than Keras' own."""
    return keras.config.backend() == "tensorflow" and _dtype(inputs) in HALF


def silu(inputs: Any) -> Any:
    """X sigmoid(x) in half precision, with the derivative computed in float32.

    TensorFlow's own computes it in half precision: less exact, and on processors twice as slow.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def activated(x: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            wide = tf.cast(x, tf.float32)
            sigmoid = tf.sigmoid(wide)
            slope = sigmoid * (1.0 + wide * (1.0 - sigmoid))
            return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)

        return tf.nn.silu(x), gradient

    return activated(inputs)


def can_multiply_out(inputs: Any, kernel: Any, layer: keras.layers.Conv2D) -> bool:
    """Whether `conv_multiplied_out` does what this layer does, and is faster, as was measured."""
    stride = layer.strides[0]
    if (
        keras.config.backend() != "tensorflow"
        or None in inputs.shape[1:]
        or layer.padding != "valid"
        or layer.data_format != "channels_last"
        or layer.strides != (stride, stride)
        or layer.dilation_rate != (1, 1)
        or layer.kernel_size == (1, 1)
        or _on_gpu()
    ):
        return False
    sides = zip(inputs.shape[1:3], layer.kernel_size, strict=True)
    places = math.prod((side - size) // stride + 1 for side, size in sides)
    pairs: int = kernel.shape[-2] * kernel.shape[-1]
    few, some = (8 * 8, 16 * 16) if stride == 1 else (0, 7 * 7)
    many = 384 * 384 if stride == 1 else 256 * 512
    return places <= few or (places <= some and pairs >= many)


def conv_multiplied_out(inputs: Any, kernel: Any, stride: int) -> Any:
    """A convolution without padding, whose kernel's gradient is a product of matrices by place.

    oneDNN's gradient of large kernels on small maps takes up to three times as long on processors.

    Args:
        inputs: (n, h, w, c), h and w known.
        kernel: (k, l, c, d), of the same type.
        stride: In both directions.
    """
    import tensorflow as tf

    rows, columns, width, filters = kernel.shape
    strides = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolved(x: Any, weights: Any) -> Any:
        outputs = tf.nn.conv2d(x, weights, strides, "VALID")
        high, wide = outputs.shape[1:3]

        def gradient(upstream: Any) -> tuple[Any, Any]:
            to_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=weights,
                out_backprop=upstream,
                strides=strides,
                padding="VALID",
            )
            flat = tf.reshape(upstream, (-1, filters))
            down, across = stride * (high - 1) + 1, stride * (wide - 1) + 1
            parts = [
                tf.matmul(
                    tf.reshape(x[:, i : i + down : stride, j : j + across : stride], (-1, width)),
                    flat,
                    transpose_a=True,
                )
                for i in range(rows)
                for j in range(columns)
            ]
            return to_inputs, tf.reshape(tf.stack(parts), kernel.shape)

        return outputs, gradient

    return convolved(inputs, tf.convert_to_tensor(kernel))


def gradient(function: Callable[[Any], Any], inputs: Any) -> Any:
    """The gradient of a function's value, a scalar, at some inputs; of their shape."""
    import tensorflow as tf

    at = tf.convert_to_tensor(inputs)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at)


def _dtype(inputs: Any) -> str:
    name: str = keras.backend.standardize_dtype(inputs.dtype)
    return name


def _on_gpu() -> bool:
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
