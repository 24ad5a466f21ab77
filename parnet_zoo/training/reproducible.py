"""Seeds and determinism of one training."""

from __future__ import annotations


def seed_everything(seed: int, *, deterministic: bool) -> None:
    """Seed Python, NumPy and Keras; on request make every TensorFlow op deterministic.

    Determinism is a switch of the whole process that TensorFlow cannot undo, and some ops get
    slower.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
