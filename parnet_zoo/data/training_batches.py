"""Batches to train on, from any step on and at any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.ahead import Pair, made_ahead
from parnet_zoo.data.augmentation import Augmentation
from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.augmenting.mixing import Mix, draw_mix, mixed_pixels, mixed_targets
from parnet_zoo.data.augmenting.streams import Stream
from parnet_zoo.data.plan import BatchPlan
from parnet_zoo.data.program import Program, as_array, compiled
from parnet_zoo.data.readable import read_step, readable
from parnet_zoo.data.store import ImageStore

if TYPE_CHECKING:
    import tensorflow as tf

_ENDLESS = np.iinfo(np.int64).max


class TrainingBatches:
    """The batches of one run: augmented pixels and the distributions to train towards.

    What is in the batch of a step depends on the seed, the step, the images, the spec and the size
    only: a run that goes on at step n gets what it would have got. Order and random numbers are
    `BatchPlan`'s. Programs are compiled once for each size, however often `from_step` is called.

    An image that can no longer be read is left out of its batch; a batch with none left gets the
    next readable images of its epoch. The store's `unreadable` counts them.

    Make one object for a run: TensorFlow frees what feeds a dataset only when the process ends.

    Args:
        store: Prepared. Its images may be larger than the batches' (or smaller): they are resampled
            once, whatever is done to them.
        labels: Shape (images,), int64, one for each image of the store.
        classes: How many there are.
        batch_size: Images a step.
        seed: At least 0.
        augmentation: What to do to each image.
        smoothing: The part of each target that is spread over all classes alike.
        mean: Of each channel, of pixels from 0 to 1.
        std: Of each channel, likewise.

    Attributes:
        steps_per_epoch: Steps that see each readable image once; the last batch may be short.

    Raises:
        DataError: No image can be read. Where that happens only later, in the middle of a run,
            iterating raises `tf.errors.UnknownError`, with that message in its text.
    """

    def __init__(
        self,
        store: ImageStore,
        labels: NDArray[np.int64],
        *,
        classes: int,
        batch_size: int,
        seed: int,
        augmentation: AugmentationSpec,
        smoothing: float,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self._store = store
        self._labels = labels
        self._classes = classes
        self._batch_size = batch_size
        self._seed = seed
        self._spec = augmentation
        self._smoothing = np.float32(smoothing)
        self._mean, self._std = mean, std
        self._plan = BatchPlan(len(store), readable(store), batch_size=batch_size, seed=seed)
        self.steps_per_epoch = self._plan.steps_per_epoch
        self._programs: dict[int, Program] = {}
        self._mix_programs: dict[int, Callable[..., Any]] = {}

    def from_step(self, step: int, *, size: int, mixed: bool) -> tf.data.Dataset:
        """The batches of a step, which counts from 0 through all epochs, and of all later ones.

        Args:
            step: The first.
            size: Height and width of the images in pixels.
            mixed: Whether MixUp and CutMix are done, where the spec has them.

        Returns:
            Endless pairs of pixels, float32, shape (n, size, size, 3), `(pixels / 255 - mean) /
            std`, and targets, float32, shape (n, classes), rows that sum to 1.
        """
        program = self._program(size)
        mixing = self._spec.mixing if mixed else None
        mix = self._mix_program(size) if mixing else None

        def make(step: int) -> Pair:
            pixels, targets = self._unmixed(step, program)
            drawn = draw_mix(mixing, self._generator(step), size) if mixing else None
            if mix is not None and drawn is not None:
                pixels, targets = _mixed(pixels, targets, drawn, mix)
            return as_array(pixels, len(targets)), targets

        return made_ahead(
            make, range(step, _ENDLESS), self._signature(size), batch_bytes=program.bytes
        )

    def _unmixed(self, step: int, program: Program) -> tuple[Any, NDArray[np.float32]]:
        """Normalised images as `Program` gives them, and as many targets as there are images."""
        images, indices = read_step(self._store, self._plan, step)

        def uniforms(stream: Stream, count: int) -> NDArray[np.float64]:
            return self._plan.uniforms(step, indices, stream=stream, count=count)

        pixels = program(program.augmentation.draw(images, uniforms))
        return pixels, self._targets(self._labels[indices])

    def _targets(self, labels: NDArray[np.int64]) -> NDArray[np.float32]:
        sharp = np.zeros((len(labels), self._classes), np.float32)
        sharp[np.arange(len(labels)), labels] = 1
        return sharp * (1 - self._smoothing) + self._smoothing / np.float32(self._classes)

    def _generator(self, step: int) -> np.random.Generator:
        seeds = np.random.SeedSequence([self._seed, step, Stream.MIXING])
        return np.random.Generator(np.random.Philox(seeds))

    def _program(self, size: int) -> Program:
        if size not in self._programs:
            augmentation = Augmentation(self._spec, stored=self._store.size, size=size)
            self._programs[size] = Program(
                augmentation, batch_size=self._batch_size, mean=self._mean, std=self._std
            )
        return self._programs[size]

    def _mix_program(self, size: int) -> Callable[..., Any]:
        if size not in self._mix_programs:
            self._mix_programs[size] = compiled(mixed_pixels)
        return self._mix_programs[size]

    def _signature(self, size: int) -> tuple[Any, Any]:
        import tensorflow as tf

        return (
            tf.TensorSpec((None, size, size, 3), tf.float32),
            tf.TensorSpec((None, self._classes), tf.float32),
        )


def _mixed(
    pixels: Any, targets: NDArray[np.float32], drawn: Mix, mix: Callable[..., Any]
) -> tuple[Any, NDArray[np.float32]]:
    import tensorflow as tf

    numbers = np.int32(len(targets)), np.float32(drawn.weight), np.asarray(drawn.box, np.int32)
    with tf.device("CPU:0"):
        return mix(pixels, *numbers), mixed_targets(targets, drawn)
