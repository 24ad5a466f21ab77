"""Brightness as Keras' ImageDataGenerator has it: one factor an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmenting import geometry
from parnet_zoo.data.augmenting.change import Uniforms
from parnet_zoo.data.augmenting.streams import Stream

if TYPE_CHECKING:
    import tensorflow as tf

_COLUMN = 7
"""The first seven are geometry's."""


@dataclass(frozen=True)
class BrightnessChange:
    """Pixels times a factor, cut off at 255.

    `ImageDataGenerator` rounds down to whole grey levels twice on its way; here nothing is rounded.

    Attributes:
        low: Lowest factor.
        high: Highest.
    """

    low: float
    high: float

    def draw(self, uniforms: Uniforms) -> NDArray[np.float32]:
        """Factors, shape (n,)."""
        numbers = uniforms(Stream.GEOMETRY_AND_BRIGHTNESS, geometry.NUMBERS)[:, _COLUMN]
        return (self.low + (self.high - self.low) * numbers).astype(np.float32)

    def apply(self, pixels: Any, drawn: Any) -> tf.Tensor:
        """See `Change`."""
        import tensorflow as tf

        return tf.minimum(pixels * drawn[:, None, None, None], 255.0)
