"""The one door to what only TensorFlow can do; everything else speaks keras.ops."""

from __future__ import annotations

from typing import Any

import keras

FUSABLE = frozenset({"float32", "bfloat16", "float16"})


def can_fuse(inputs: Any, layer: keras.layers.BatchNormalization) -> bool:
    """Whether TensorFlow's fused kernel takes these inputs with this layer's settings."""
    return (
        keras.config.backend() == "tensorflow"
        and len(inputs.shape) == 4  # noqa: PLR2004 - n, h, w, c
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.synchronized
        and keras.backend.standardize_dtype(inputs.dtype) in FUSABLE
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
