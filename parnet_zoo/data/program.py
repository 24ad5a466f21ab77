"""Augmenting and normalising, compiled for batches of one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation import Augmentation


class Program:
    """A batch's stored pixels to what a network sees.

    Compiled by XLA at its first use and then kept.

    Args:
        augmentation: What is done to the images.
        batch_size: Most images of a batch.
        mean: Of each channel, of pixels from 0 to 1.
        std: Of each channel, likewise.

    Attributes:
        augmentation: As given.
        bytes: Memory that one batch takes meanwhile: bytes as stored, floats as they come out.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        *,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self.augmentation = augmentation
        self._batch_size = batch_size
        self.bytes = batch_size * 3 * (augmentation.stored**2 + 4 * augmentation.size**2)
        # Not tensors: on a machine with a GPU those would live there, and this runs on the CPU.
        factor = (1 / (255 * np.asarray(std))).astype(np.float32)
        term = (np.asarray(mean) / np.asarray(std)).astype(np.float32)

        def normalised(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *arrays: function(*arrays) * factor - term

        *earlier, last = augmentation.stages
        self._stages = [
            *(stage._replace(function=compiled(stage.function)) for stage in earlier),
            last._replace(function=compiled(normalised(last.function))),
        ]

    def __call__(self, drawn: Sequence[NDArray[Any]]) -> Any:
        """Run it on up to `batch_size` images.

        Args:
            drawn: From `Augmentation.draw`, for n images.

        Returns:
            A tensor of shape (batch_size, size, size, 3), float32, `(pixels / 255 - mean) / std`;
            only its first n images mean anything. XLA would compile anew for fewer.
        """
        import tensorflow as tf

        with tf.device("CPU:0"):
            pixels, *rest = (_filled_up(array, self._batch_size) for array in drawn)
            for function, arrays in self._stages:
                pixels = function(pixels, *rest[:arrays])
                rest = rest[arrays:]
        return pixels


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a program of XLA's, compiled once for each shape of its arguments."""
    import tensorflow as tf

    program: Callable[..., Any] = tf.function(function, jit_compile=True, autograph=False)
    return program


def as_array(tensor: Any, rows: int) -> NDArray[np.float32]:
    """The first rows of a tensor in the processor's memory, without the copy of its `numpy`."""
    array: NDArray[np.float32] = np.asarray(memoryview(tensor))[:rows]
    return array


def _filled_up(array: NDArray[Any], rows: int) -> NDArray[Any]:
    missing = rows - len(array)
    if not missing:
        return array
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
