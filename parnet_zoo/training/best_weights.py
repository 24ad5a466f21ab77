"""The weights of the best epoch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import keras

from parnet_zoo.training.bare_weights import save_bare_weights

Monitor = Literal["val_loss", "val_accuracy"]


class BestWeights(keras.callbacks.Callback):
    """Writes the weights whenever the monitored metric is better than ever before.

    Of equal epochs the first counts. A metric that is not a number is never the best.

    Args:
        path: The file, `.weights.h5`.
        monitor: "val_loss", the lower the better, or "val_accuracy".

    Attributes:
        best_epoch: Whose weights are in the file, from 1; None while there are none.
    """

    def __init__(self, path: Path, monitor: Monitor) -> None:
        super().__init__()
        self.best_epoch: int | None = None
        self._path = path
        self._monitor = monitor
        self._best = -math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write, if this epoch is the best so far."""
        value = float((logs or {})[self._monitor])
        score = -value if self._monitor == "val_loss" else value
        if math.isfinite(score) and score > self._best:
            save_bare_weights(self.model, self._path)
            self._best, self.best_epoch = score, epoch + 1
