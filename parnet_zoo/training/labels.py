"""Labels as the distributions that a network is trained towards."""

from __future__ import annotations

from typing import Any


def distributions(labels: Any, classes: int, smoothing: float = 0.0) -> Any:
    """Class numbers (n,) as rows of probabilities (n, classes), float32.

    Args:
        labels: A tensor of integers.
        classes: How many there are.
        smoothing: The part of each row that is spread over all classes alike.
    """
    import tensorflow as tf

    sharp = tf.one_hot(labels, classes, dtype=tf.float32)
    return sharp * (1 - smoothing) + smoothing / classes
