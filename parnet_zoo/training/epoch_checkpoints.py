"""Checkpoints that a recipe asks to keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from parnet_zoo.recipe.schema.checkpoints import CheckpointsSection
from parnet_zoo.training.bare_weights import save_bare_weights


class EpochCheckpoints(keras.callbacks.Callback):
    """Writes weights every so many epochs, named with the epoch and its metrics, and logs them.

    Args:
        directory: Where a file is until it is logged.
        section: How often, and the names.
        log: Called with each file; afterwards it is removed.
    """

    def __init__(
        self, directory: Path, section: CheckpointsSection, log: Callable[[Path], None]
    ) -> None:
        super().__init__()
        self._directory = directory
        self._section = section
        self._log = log

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write, if it is this epoch's turn."""
        if (epoch + 1) % self._section.every_epochs:
            return
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        path = self._directory / self._section.filename.format(epoch=epoch + 1, **metrics)
        if path.name.endswith(".weights.h5"):
            save_bare_weights(self.model, path)
        else:
            self.model.save(path, overwrite=True, include_optimizer=False)
        self._log(path)
        path.unlink()
