"""Exponential moving average of a network in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


class MovingAverage:
    """Exponential moving average of all weights, BatchNorm's moving statistics included.

    Averaging the statistics as well keeps them those of the averaged weights.

    Args:
        weights: Of the network.
        decay: Weight of the old average each step; less in the first steps, (1 + n) / (10 + n).

    Attributes:
        values: The averages, one for each weight.
    """

    def __init__(self, weights: Sequence[Any], decay: float) -> None:
        self.values = [
            keras.Variable(weight, dtype=weight.dtype, trainable=False, name=f"average_{number}")
            for number, weight in enumerate(weights)
        ]
        self._weights = list(weights)
        self._decay = decay
        self._swap = tf.function(self._exchange, autograph=False)

    def rate(self, step: int) -> float:
        """How far the averages move towards the weights in a step, from 0."""
        return 1.0 - min(self._decay, (1 + step) / (10 + step))

    def update(self, rate: Any) -> None:
        """Move the averages; graph code."""
        for average, weight in zip(self.values, self._weights, strict=True):
            # In this form the average of a weight that never changes is exactly that weight.
            average.assign(average + (weight - average) * tf.cast(rate, average.dtype))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the averages in the network, and its own weights back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _exchange(self) -> None:
        for average, weight in zip(self.values, self._weights, strict=True):
            own, mean = tf.identity(weight), tf.identity(average)
            with tf.control_dependencies([own, mean]):
                weight.assign(mean)
                average.assign(own)
