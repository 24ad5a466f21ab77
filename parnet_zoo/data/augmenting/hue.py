"""A turn of the colour circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmenting import color_jitter
from parnet_zoo.data.augmenting.change import Uniforms
from parnet_zoo.data.augmenting.streams import Stream

if TYPE_CHECKING:
    import tensorflow as tf

_COLUMN = 3
"""The first three are the other changes of colour."""


@dataclass(frozen=True)
class HueChange:
    """The hue turned, in the colour space HSV.

    Attributes:
        most: Largest turn either way, as a part of the circle.
    """

    most: float

    def draw(self, uniforms: Uniforms) -> NDArray[np.float32]:
        """Turns as parts of the circle, shape (n,)."""
        signed = 2 * uniforms(Stream.COLOR_JITTER, color_jitter.NUMBERS)[:, _COLUMN] - 1
        return (self.most * signed).astype(np.float32)

    def apply(self, pixels: Any, drawn: Any) -> tf.Tensor:
        """See `Change`."""
        import tensorflow as tf

        value = tf.reduce_max(pixels, axis=-1, keepdims=True)
        chroma = value - tf.reduce_min(pixels, axis=-1, keepdims=True)
        red, green, blue = (pixels[..., channel, None] for channel in range(3))
        # In sixths of the circle. Grey has no hue: whichever it gets, its chroma of 0 undoes it.
        sixth = tf.math.divide_no_nan(tf.ones_like(chroma), chroma)
        hue = tf.where(
            value == red,
            (green - blue) * sixth,
            tf.where(value == green, 2 + (blue - red) * sixth, 4 + (red - green) * sixth),
        )
        # From HSV to RGB, the cases for each sixth written as one curve (Wikipedia, "HSL and HSV").
        place = tf.constant([5.0, 3.0, 1.0]) + hue + 6 * drawn[:, None, None, None]
        place -= 6 * tf.floor(place / 6)
        return value - chroma * tf.clip_by_value(tf.minimum(place, 4 - place), 0.0, 1.0)
