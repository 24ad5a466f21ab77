"""Checkpoints that a recipe asks to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from parnet_zoo.recipe.schema.checkpoints import CheckpointsSection


class EpochCheckpoints(keras.callbacks.Callback):
    """Writes weights every so many epochs, named with the epoch and its metrics.

    Args:
        directory: Where to.
        section: How often, and the names.
    """

    def __init__(self, directory: Path, section: CheckpointsSection) -> None:
        super().__init__()
        self._directory = directory
        self._section = section

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write, if it is this epoch's turn."""
        if (epoch + 1) % self._section.every_epochs:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        path = self._directory / self._section.filename.format(epoch=epoch + 1, **metrics)
        if path.name.endswith(".weights.h5"):
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
