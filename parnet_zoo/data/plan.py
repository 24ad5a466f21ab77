"""Which images make up training batch number n, and with which random numbers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_KEPT_EPOCHS = 2
"""Prefetching works on the end of one epoch and the start of the next at the same time."""
_ORDER = 0
"""The stream that the order is drawn from."""


class BatchPlan:
    """A pure function from the step number to a batch, so that a run can go on at any step.

    An epoch is one random order of all images in full batches and a shorter last one. The order
    depends on (seed, epoch) and an image's random numbers on (seed, epoch, image) alone: neither
    batch size nor which other images can be read changes them.

    Args:
        images: How many there are.
        usable: Numbers of those that can be read; the others are left out of the order.
        batch_size: Images a batch.
        seed: At least 0.
    """

    def __init__(
        self, images: int, usable: NDArray[np.int64], *, batch_size: int, seed: int
    ) -> None:
        self.steps_per_epoch = -(-len(usable) // batch_size)
        self._images = images
        self._usable = np.zeros(images, np.bool_)
        self._usable[usable] = True
        self._batch_size = batch_size
        self._seed = seed
        self._epochs: dict[int, _Epoch] = {}
        self._lock = threading.Lock()

    def batch(self, step: int) -> NDArray[np.int64]:
        """Numbers of the images of a step, which counts from 0 through all epochs.

        Returns:
            Shape (batch_size,), or shorter at an epoch's end.
        """
        order, start, stop = self._place(step)
        return order[start:stop]

    def substitutes(self, step: int) -> NDArray[np.int64]:
        """The other images of the step's epoch, in the order to take substitutes in."""
        order, start, stop = self._place(step)
        return np.concatenate([order[stop:], order[:start]])

    def uniforms(
        self, step: int, indices: NDArray[np.int64], *, stream: int, count: int
    ) -> NDArray[np.float64]:
        """Random numbers of images in the epoch of a step.

        Args:
            step: Says which epoch.
            indices: Numbers of the images, shape (n,).
            stream: From 1; each is independent of the others, so that what is drawn for one purpose
                stays as it is when another one comes or goes.
            count: Numbers an image, always the same for a stream.

        Returns:
            Shape (n, count), in [0, 1).
        """
        epoch = self._epoch(step)
        with self._lock:
            if stream not in epoch.tables:
                generator = self._generator(epoch.number, stream)
                epoch.tables[stream] = generator.random((self._images, count))
            return epoch.tables[stream][indices]

    def _place(self, step: int) -> tuple[NDArray[np.int64], int, int]:
        order = self._epoch(step).order
        start = step % self.steps_per_epoch * self._batch_size
        return order, start, min(start + self._batch_size, len(order))

    def _epoch(self, step: int) -> _Epoch:
        number = step // self.steps_per_epoch
        with self._lock:
            if number not in self._epochs:
                order = self._generator(number, _ORDER).permutation(self._images)
                self._epochs[number] = _Epoch(number, order[self._usable[order]])
                for old in list(self._epochs)[:-_KEPT_EPOCHS]:
                    del self._epochs[old]
            return self._epochs[number]

    def _generator(self, epoch: int, stream: int) -> np.random.Generator:
        return np.random.Generator(
            np.random.Philox(np.random.SeedSequence([self._seed, epoch, stream]))
        )


@dataclass(frozen=True)
class _Epoch:
    """The order of an epoch, and the random numbers of its images by stream, as they are needed."""

    number: int
    order: NDArray[np.int64]
    tables: dict[int, NDArray[np.float64]] = field(default_factory=dict)
