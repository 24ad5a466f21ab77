"""Each epoch's metrics, handed to the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras

from parnet_zoo.training.learning_rate import Rate


class EpochMetrics(keras.callbacks.Callback):
    """Hands each epoch's metrics on, under the names Keras users expect.

    The step is the number of finished epochs. `learning_rate` is that of the epoch's last step,
    `images_per_second` counts the training part of the epoch only.

    Args:
        log: Called with the metrics and the step.
        images: Training images an epoch.
        rate: Learning rate, or a function of the step, from 0.

    Attributes:
        history: Every metric's values, one an epoch.
    """

    def __init__(
        self, log: Callable[[dict[str, float], int], None], *, images: int, rate: Rate
    ) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self._log = log
        self._images = images
        self._rate = rate
        self._steps = 0
        self._start = self._end = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        del epoch, logs
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock; validation follows the last batch."""
        del batch, logs
        self._steps += 1
        self._end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        rate = self._rate(self._steps - 1) if callable(self._rate) else self._rate
        metrics["learning_rate"] = float(rate)
        metrics["images_per_second"] = self._images / max(self._end - self._start, 1e-9)
        for name, value in metrics.items():
            self.history.setdefault(name, []).append(value)
        self._log(metrics, epoch + 1)
