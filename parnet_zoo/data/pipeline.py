"""Batches of normalised pixels and labels, as tf.data.

Make one dataset for a run rather than one an epoch: TensorFlow frees what feeds a dataset only when
the process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation import RANDOM_NUMBERS, augment, brightness_factors, transforms
from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.plan import BatchPlan
from parnet_zoo.data.store import ImageStore
from parnet_zoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

_PREFETCHED = 2
_Arrays = tuple[Any, ...]


def steps_per_epoch(store: ImageStore, batch_size: int) -> int:
    """Training steps that see each readable image once; the last batch may be short.

    Raises:
        DataError: No image of the store can be read.
    """
    return _plan(store, batch_size, seed=0).steps_per_epoch


def training_batches(
    store: ImageStore,
    labels: NDArray[np.int64],
    *,
    batch_size: int,
    seed: int,
    augmentation: AugmentationSpec,
    mean: Sequence[float],
    std: Sequence[float],
    start_step: int = 0,
    total_steps: int,
) -> tf.data.Dataset:
    """The batches of the steps `start_step` to `total_steps - 1` of one run.

    What is in the batch of a step depends on the seed, the step and the images only: a run that
    goes on at step n gets what it would have got. Order and random numbers are `BatchPlan`'s.

    An image that can no longer be read is left out of its batch; a batch with none left gets the
    next readable images of its epoch. The store's `unreadable` counts them.

    Args:
        store: Prepared.
        labels: Shape (images,), int64, one for each image of the store.
        batch_size: Images a step.
        seed: At least 0.
        augmentation: What to do to each image.
        mean: Of each channel, of pixels from 0 to 1.
        std: Of each channel, likewise.
        start_step: First step, from 0.
        total_steps: Of all epochs together, those before `start_step` included.

    Returns:
        Pairs of pixels, float32, shape (n, size, size, 3), `(pixels / 255 - mean) / std`, and
        labels, int64, shape (n,).

    Raises:
        DataError: No image can be read. Where that happens only later, in the middle of a run,
            iterating raises `tf.errors.UnknownError`, with that message in its text.
    """
    plan = _plan(store, batch_size, seed)

    def read(step: int) -> _Arrays:
        images, indices = _read(store, plan, step)
        uniforms = plan.uniforms(step, indices)
        matrices = transforms(augmentation, uniforms, store.size)
        return images, labels[indices], matrices, brightness_factors(augmentation, uniforms)

    finish = _compiled(augmentation, mean, std)
    return _dataset(read, finish, range(start_step, total_steps), batch_size, store.size)


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

    Args:
        store: Prepared.
        labels: Shape (images,), int64, one for each image of the store.
        batch_size: Images a batch.
        mean: Of each channel, of pixels from 0 to 1.
        std: Of each channel, likewise.

    Returns:
        Pairs of pixels and labels as in `training_batches`.

    Raises:
        DataError: No image can be read.
    """
    usable = _usable(store)

    def read(step: int) -> _Arrays:
        indices = usable[step * batch_size : (step + 1) * batch_size]
        images, ok = store.batch(indices)
        count = int(ok.sum())
        unmoved = np.zeros((count, 8), np.float32), np.ones(count, np.float32)
        return images[ok], labels[indices[ok]], *unmoved

    steps = range(-(-len(usable) // batch_size))
    finish = _compiled(AugmentationSpec(), mean, std)
    batches = _dataset(read, finish, steps, batch_size, store.size)
    if store.cache != "none":
        return batches
    return batches.filter(lambda pixels, _labels: len(pixels) > 0)


def _usable(store: ImageStore) -> NDArray[np.int64]:
    usable = store.readable
    if len(usable):
        return usable
    first = "".join(f"; {escaped(bad.path)}: {bad.reason}" for bad in store.unreadable[:1])
    raise DataError(f"none of {len(store)} images can be read{first}")


def _plan(store: ImageStore, batch_size: int, seed: int) -> BatchPlan:
    return BatchPlan(
        len(store),
        _usable(store),
        batch_size=batch_size,
        seed=seed,
        random_numbers=RANDOM_NUMBERS,
    )


def _read(
    store: ImageStore, plan: BatchPlan, step: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The readable images of a step, or substitutes where there are none, and their numbers."""
    indices = plan.batch(step)
    images, ok = store.batch(indices)
    if ok.all():
        return images, indices
    if ok.any():
        return images[ok], indices[ok]
    rest, size = plan.substitutes(step), len(indices)
    for start in range(0, len(rest), size):
        indices = rest[start : start + size]
        images, ok = store.batch(indices)
        if ok.any():
            return images[ok], indices[ok]
    bad = store.unreadable[0]
    raise DataError(f"no image can be read any more; {escaped(bad.path)}: {bad.reason}")


def _compiled(
    augmentation: AugmentationSpec, mean: Sequence[float], std: Sequence[float]
) -> Callable[[Any, Any, Any], Any]:
    """Augment and normalise: one program, and one pass over memory, for training and evaluation."""
    import tensorflow as tf

    # Not tensors: on a machine with a GPU those would live there, and this runs on the CPU.
    factor = (1 / (255 * np.asarray(std))).astype(np.float32)
    term = (np.asarray(mean) / np.asarray(std)).astype(np.float32)

    def finish(images: Any, matrices: Any, factors: Any) -> Any:
        return augment(images, matrices, factors, augmentation) * factor - term

    compiled: Callable[[Any, Any, Any], Any]
    compiled = tf.function(finish, jit_compile=True, autograph=False)
    return compiled


def _dataset(
    read: Callable[[int], _Arrays],
    finish: Callable[[Any, Any, Any], Any],
    steps: range,
    batch_size: int,
    size: int,
) -> tf.data.Dataset:
    """Make the batches of some steps in parallel, in order, ahead of their use.

    `finish` always gets full batches, filled up with nothing: XLA compiles for each shape anew.
    """
    import tensorflow as tf

    types = (tf.int64, tf.uint8, tf.int64, tf.float32, tf.float32)
    shapes = ((), (size, size, 3), (), (8,), ())

    def read_full(step: NDArray[np.int64]) -> _Arrays:
        arrays = read(int(step))
        return np.int64(len(arrays[0])), *(_filled_up(array, batch_size) for array in arrays)

    @tf.autograph.experimental.do_not_convert
    def make(step: Any) -> tuple[Any, Any]:
        # Stateless: in TensorFlow's deterministic mode it would otherwise not run in parallel.
        count, *arrays = tf.numpy_function(read_full, [step], types, stateful=False)
        count.set_shape(shapes[0])
        for array, shape in zip(arrays, shapes[1:], strict=True):
            array.set_shape((batch_size, *shape))
        images, targets, matrices, factors = arrays
        return finish(images, matrices, factors)[:count], targets[:count]

    options = tf.data.Options()
    options.deterministic = True
    numbers = tf.data.Dataset.range(steps.start, steps.stop)
    batches = numbers.map(make, num_parallel_calls=worker_count()).prefetch(_PREFETCHED)
    return batches.with_options(options)


def _filled_up(array: NDArray[Any], rows: int) -> NDArray[Any]:
    missing = rows - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
