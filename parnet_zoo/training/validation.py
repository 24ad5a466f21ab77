"""Loss and accuracy on the validation images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from parnet_zoo.data.early_end import end_of_data_expected
from parnet_zoo.training.train_step import correct_answers


class Validation:
    """Measures a network on a data set.

    Args:
        model: Gives logits.
        batches: Pairs of pixels (n, size, size, 3) and targets (n, classes), not smoothed, so that
            the loss is the one that is measured on test images too.
    """

    def __init__(self, model: Any, batches: tf.data.Dataset) -> None:
        self._model = model
        self._batches = batches
        self._sums = tf.function(self._measure, autograph=False, reduce_retracing=True)

    def measure(self, broken_off: Callable[[], object]) -> dict[str, float] | None:
        """`val_loss` and `val_accuracy` over all images; None if it was broken off.

        Args:
            broken_off: Asked after every batch.
        """
        loss = correct = 0.0
        images = 0
        with end_of_data_expected():
            for pixels, targets in self._batches:
                sums = self._sums(pixels, targets)
                loss, correct = loss + float(sums[0]), correct + float(sums[1])
                images += len(pixels)
                if broken_off():
                    return None
        return {"val_loss": loss / max(images, 1), "val_accuracy": correct / max(images, 1)}

    def _measure(self, pixels: Any, targets: Any) -> tuple[Any, Any]:
        logits = self._model(pixels, training=False)
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_sum(losses), correct_answers(logits, targets)
