"""Batches of normalised pixels and labels to measure a network on, as tf.data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.ahead import Pair, made_ahead
from parnet_zoo.data.augmentation import Augmentation
from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.program import Program, as_array
from parnet_zoo.data.readable import readable
from parnet_zoo.data.store import ImageStore

if TYPE_CHECKING:
    import tensorflow as tf


def evaluation_batches(
    store: ImageStore,
    labels: NDArray[np.int64],
    *,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> tf.data.Dataset:
    """All readable images once, in the store's order, as they are.

    An image that can no longer be read is left out, and counted in the store's `unreadable`. So is
    a batch that has none left; therefore the number of batches is not known beforehand where the
    store has no cache, and Keras' `fit` and `evaluate` belong into `end_of_data_expected`.

    Make one dataset for a run rather than one an epoch: TensorFlow frees what feeds a dataset only
    when the process ends.

    Args:
        store: Prepared.
        labels: Shape (images,), int64, one for each image of the store.
        batch_size: Images a batch.
        mean: Of each channel, of pixels from 0 to 1.
        std: Of each channel, likewise.

    Returns:
        Pairs of pixels, float32, shape (n, size, size, 3), `(pixels / 255 - mean) / std`, and
        labels, int64, shape (n,).

    Raises:
        DataError: No image can be read.
    """
    import tensorflow as tf

    usable, size = readable(store), store.size
    unchanged = Augmentation(AugmentationSpec(), stored=size, size=size)
    program = Program(unchanged, batch_size=batch_size, mean=mean, std=std)

    def make(step: int) -> Pair:
        indices = usable[step * batch_size : (step + 1) * batch_size]
        images, ok = store.batch(indices)
        return as_array(program([images[ok]]), int(ok.sum())), labels[indices[ok]]

    signature = tf.TensorSpec((None, size, size, 3), tf.float32), tf.TensorSpec((None,), tf.int64)
    steps = range(-(-len(usable) // batch_size))
    batches = made_ahead(make, steps, signature, batch_bytes=program.bytes)
    if store.cache != "none":
        return batches
    return batches.filter(lambda pixels, _labels: len(pixels) > 0)
