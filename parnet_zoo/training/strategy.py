"""The devices of a training as one of TensorFlow's distribution strategies."""

from __future__ import annotations

import tensorflow as tf

from parnet_zoo.errors import UsageError
from parnet_zoo.recipe.schema.distribution import DistributionSection
from parnet_zoo.training.devices import grow_memory


def training_strategy(section: DistributionSection) -> tf.distribute.Strategy:
    """The strategy that a recipe asks for; the default one, which adds nothing, for one device.

    Without GPUs, `mirrored` divides the processor into as many logical devices as are wanted, which
    is only possible before TensorFlow has computed anything in this process.

    Raises:
        UsageError: There are not as many devices as wanted.
    """
    grow_memory()
    if section.strategy == "single":
        return tf.distribute.get_strategy()
    gpus = len(tf.config.list_physical_devices("GPU"))
    wanted = section.devices or max(gpus, 1)
    if gpus and wanted > gpus:
        raise UsageError(
            f"distribution.devices: {wanted} are wanted, and this machine has {gpus} GPUs;"
            f" allowed is 1 to {gpus}, or null for all"
        )
    if not gpus:
        _divide_processor(wanted)
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(wanted)])


def _divide_processor(count: int) -> None:
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(processor, parts)
    except RuntimeError as error:
        if len(tf.config.list_logical_devices("CPU")) >= count:
            return
        raise UsageError(
            "distribution.devices: TensorFlow has computed in this process already, so that its"
            " processor cannot be divided any more; start this training in a process of its own"
        ) from error
