"""Batch normalisation by the statistics of all devices together."""

from __future__ import annotations

from typing import Any

import keras


def sync_batch_norm(model: Any) -> None:
    """Make every batch normalisation of a network take its statistics from the whole batch.

    That concerns training on the replicas of a TensorFlow strategy, which then gives what one
    device gives with the whole batch; on one device nothing changes. Call it before the network is
    compiled or its graphs are traced. What the network is saved as stays the same.

    Args:
        model: Any Keras model, models inside it included.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
