"""What all augmentations that change pixels in their places have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmenting.streams import Stream

if TYPE_CHECKING:
    import tensorflow as tf

Uniforms = Callable[[Stream, int], NDArray[np.float64]]
"""The random numbers of a batch's images: stream and count to (n, count), in [0, 1)."""


class Change(Protocol):
    """An augmentation whose strengths are known."""

    def draw(self, uniforms: Uniforms) -> NDArray[Any]:
        """What happens to each image of a batch; the first axis is the images'."""

    def apply(self, pixels: Any, drawn: Any) -> tf.Tensor:
        """Do it with TensorFlow; pixels are (n, size, size, 3), float32, 0 to 255."""
