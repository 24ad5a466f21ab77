"""The end of a training that has gone wrong for good."""

from __future__ import annotations

import math
from typing import Any

import keras


class StopWhenDiverged(keras.callbacks.Callback):
    """Stops the training when its loss is infinite or not a number; Keras' own prints to stdout."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss."""
        del batch
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self.model.stop_training = True
