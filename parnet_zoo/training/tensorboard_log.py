"""Metrics of the epochs for TensorBoard."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

_VALIDATION = "val_"


class TensorBoardLog:
    """Scalars by epoch, in the folders and under the names that Keras' own callback gives them.

    Args:
        directory: Replaced: a run that goes on writes its earlier epochs again, so that each is
            there once.
        history: The metrics of the epochs so far.
    """

    def __init__(self, directory: Path, history: Mapping[str, Sequence[float]]) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        self._train = tf.summary.create_file_writer(str(directory / "train"))
        self._validation = tf.summary.create_file_writer(str(directory / "validation"))
        for epoch in range(len(history.get("loss", ()))):
            self.write({name: values[epoch] for name, values in history.items()}, epoch)

    def write(self, metrics: Mapping[str, float], epoch: int) -> None:
        """Write an epoch's metrics, counted from 0 as Keras does."""
        for name, value in metrics.items():
            held_out = name.startswith(_VALIDATION)
            writer = self._validation if held_out else self._train
            with writer.as_default():
                tf.summary.scalar(f"epoch_{name.removeprefix(_VALIDATION)}", value, step=epoch)
        self._train.flush()
        self._validation.flush()

    def close(self) -> None:
        """Close the files."""
        self._train.close()
        self._validation.close()
