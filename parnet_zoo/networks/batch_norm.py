"""Batch normalisation that trains through TensorFlow's fused kernel."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from parnet_zoo.networks import tensorflow_ops

EPSILON = 1e-5
MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="parnet_zoo")
class BatchNorm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` with the same weights, several times faster in training.

    Keras' layer computes the statistics in several passes and in float32. TensorFlow's fused kernel
    does it in one, and in bfloat16 keeps only the statistics in float32. Where it cannot be used
    (another backend, float64, other than 4-D inputs), Keras' own code runs. One difference remains:
    the fused kernel puts the unbiased variance into the moving average, as PyTorch does and so as
    the published checkpoints have it.

    With `synchronized=True`, replicas of a TensorFlow strategy share the statistics of the whole
    batch in training, and the result is that of one device with the whole batch. The fused kernel
    cannot do that: it costs most of what the kernel saves, and messages between the devices.
    """

    def __init__(self, **options: Any) -> None:
        # Variables stay in float32 under mixed precision: the kernel wants its statistics so.
        super().__init__(**{"epsilon": EPSILON, "momentum": MOMENTUM, **options, "autocast": False})

    def add_weight(self, *args: Any, trainable: bool = True, **options: Any) -> Any:
        """Add a variable; moving statistics are the mean over the replicas of a strategy."""
        if not trainable:
            options["aggregation"] = "mean"  # by default each replica would keep its own
        return super().add_weight(*args, trainable=trainable, **options)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise `inputs` of shape (n, h, w, c)."""
        inputs = ops.cast(inputs, self.compute_dtype)
        if mask is not None or not tensorflow_ops.can_fuse(inputs, self):
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            return tensorflow_ops.fused_batch_norm(inputs, self, training=False)[0]
        if self.synchronized and tensorflow_ops.replicas() > 1:
            outputs, mean, variance = tensorflow_ops.shared_batch_norm(inputs, self)
        else:
            outputs, mean, variance = tensorflow_ops.fused_batch_norm(inputs, self, training=True)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config: dict[str, Any] = super().get_config()
        config.pop("autocast", None)
        return config
