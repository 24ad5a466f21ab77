"""Brightness, contrast and saturation, in this order; hue, which comes last, is in `hue`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import ColorJitter
from parnet_zoo.data.augmenting.change import Uniforms
from parnet_zoo.data.augmenting.streams import Stream

if TYPE_CHECKING:
    import tensorflow as tf

NUMBERS = 4
"""Uniform numbers an image: brightness, contrast, saturation, hue."""
_LUMA = (0.299, 0.587, 0.114)
"""A colour's grey, as JPEG and Pillow have it."""


@dataclass(frozen=True)
class JitterChange:
    """Changes of colour, each cut off at 0 and 255 like Pillow's `ImageEnhance`, but not rounded.

    Attributes:
        spec: The strengths; those of 0 cost nothing.
    """

    spec: ColorJitter

    def draw(self, uniforms: Uniforms) -> NDArray[np.float32]:
        """Three factors, shape (n, 3)."""
        strengths = (self.spec.brightness, self.spec.contrast, self.spec.saturation)
        signed = 2 * uniforms(Stream.COLOR_JITTER, NUMBERS)[:, :3] - 1
        return (1 + signed * strengths).astype(np.float32)

    def apply(self, pixels: Any, drawn: Any) -> tf.Tensor:
        """See `Change`."""
        import tensorflow as tf

        brightness, contrast, saturation = (
            drawn[:, number, None, None, None] for number in range(3)
        )
        if self.spec.brightness:
            pixels = _cut_off(pixels * brightness)
        if self.spec.contrast:
            mean = tf.reduce_mean(_grey(pixels), axis=(1, 2), keepdims=True)
            pixels = _cut_off(mean + contrast * (pixels - mean))
        if self.spec.saturation:
            grey = _grey(pixels)
            pixels = _cut_off(grey + saturation * (pixels - grey))
        return pixels


def _cut_off(pixels: Any) -> Any:
    import tensorflow as tf

    return tf.clip_by_value(pixels, 0.0, 255.0)


def _grey(pixels: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_sum(pixels * tf.constant(_LUMA), axis=-1, keepdims=True)
