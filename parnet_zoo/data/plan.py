"""Which images make up training batch number n, and with which random numbers."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

_KEPT_EPOCHS = 2
"""Prefetching works on the end of one epoch and the start of the next at the same time."""


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
        random_numbers: Uniform numbers that each image gets.
    """

    def __init__(
        self,
        images: int,
        usable: NDArray[np.int64],
        *,
        batch_size: int,
        seed: int,
        random_numbers: int,
    ) -> None:
        self.steps_per_epoch = -(-len(usable) // batch_size)
        self._images = images
        self._usable = np.zeros(images, np.bool_)
        self._usable[usable] = True
        self._batch_size = batch_size
        self._seed = seed
        self._random_numbers = random_numbers
        self._epochs: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
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

    def uniforms(self, step: int, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Random numbers of images in the epoch of a step, shape (n, random_numbers), in [0, 1)."""
        _, table = self._epoch(step // self.steps_per_epoch)
        return table[indices]

    def _place(self, step: int) -> tuple[NDArray[np.int64], int, int]:
        order, _ = self._epoch(step // self.steps_per_epoch)
        start = step % self.steps_per_epoch * self._batch_size
        return order, start, min(start + self._batch_size, len(order))

    def _epoch(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        with self._lock:
            if epoch not in self._epochs:
                self._epochs[epoch] = self._draw(epoch)
                for old in list(self._epochs)[:-_KEPT_EPOCHS]:
                    del self._epochs[old]
            return self._epochs[epoch]

    def _draw(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        shuffle, table = (
            np.random.Generator(np.random.Philox(np.random.SeedSequence([self._seed, epoch, use])))
            for use in range(2)
        )
        order = shuffle.permutation(self._images)
        return order[self._usable[order]], table.random((self._images, self._random_numbers))
