"""Cross-entropy on logits, with smoothed labels if asked for."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="parnet_zoo")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels (n,) and logits (n, classes).

    Args:
        label_smoothing: Share of the target that is spread over all classes alike.
        **options: Of `keras.losses.Loss`.
    """

    def __init__(self, label_smoothing: float = 0.0, **options: Any) -> None:
        super().__init__(**{"name": "cross_entropy", **options})
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, (n,)."""
        targets = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        smoothed = targets * (1 - self.label_smoothing) + self.label_smoothing / y_pred.shape[-1]
        return ops.categorical_crossentropy(smoothed, y_pred, from_logits=True)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
