"""GPUs, where there are any."""

import tensorflow as tf


def grow_memory() -> None:
    """Let TensorFlow take GPU memory as it needs it, not all at the start.

    Nothing happens where GPUs were used before in this process: then it is too late to change.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        except RuntimeError:
            return
