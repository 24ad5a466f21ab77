"""Exponential moving average of a network in training."""

from __future__ import annotations

from typing import Any

import keras


class AverageWeights(keras.callbacks.Callback):
    """Exponential moving average of all weights, BatchNorm's moving statistics included.

    Validation and whatever runs at an epoch's end see the averaged network; training goes on from
    its own weights. Averaging the statistics as well keeps them those of the averaged weights.

    Args:
        decay: Weight of the old average each step; less in the first steps, (1 + n) / (10 + n).
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self._decay = decay
        self._updates = 0
        self._averages: list[Any] = []
        self._own: list[Any] | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the averages towards the weights."""
        del batch, logs
        if not self._averages:
            self._averages = [keras.Variable(w, trainable=False) for w in self.model.weights]
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        for average, weight in zip(self._averages, self.model.weights, strict=True):
            # In this form the average of a weight that never changes is exactly that weight.
            average.assign(average + (weight - average) * (1 - decay))

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages in."""
        del logs
        if self._averages and self._own is None:
            self._own = [keras.ops.copy(weight) for weight in self.model.weights]
            self._put(self._averages)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the training's own weights back."""
        del epoch, logs
        if self._own is not None:
            self._put(self._own)
            self._own = None

    def _put(self, values: list[Any]) -> None:
        for weight, value in zip(self.model.weights, values, strict=True):
            weight.assign(value)
