"""A random rectangle filled with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import Erasing
from parnet_zoo.data.augmenting.change import Uniforms
from parnet_zoo.data.augmenting.rectangles import rectangles
from parnet_zoo.data.augmenting.streams import Stream

if TYPE_CHECKING:
    import tensorflow as tf

_NUMBERS = 6


@dataclass(frozen=True)
class ErasingChange:
    """Pixels of a rectangle replaced by noise, every grey level being as likely as any other.

    Attributes:
        spec: The strengths.
        size: Height and width of the images in pixels.
    """

    spec: Erasing
    size: int

    def draw(self, uniforms: Uniforms) -> NDArray[np.int32]:
        """Top, left, bottom, right, all 0 where nothing happens, and the noise's seed: (n, 5)."""
        numbers = uniforms(Stream.ERASING, _NUMBERS)
        place = self.size * rectangles(self.spec.area, self.spec.ratio, numbers[:, 1:5])
        # Edges, not extents, are rounded: of all rectangles together the area stays what was asked.
        left, top, right, bottom = np.rint(
            np.concatenate([place[:, :2], place[:, :2] + place[:, 2:]], axis=1)
        ).T
        boxes = np.stack([top, left, bottom, right], axis=1)
        boxes[numbers[:, 0] >= self.spec.probability] = 0
        seeds = (numbers[:, 5] * 2**32).astype(np.uint32).view(np.int32)
        return np.concatenate([boxes.astype(np.int32), seeds[:, None]], axis=1)

    def apply(self, pixels: Any, drawn: Any) -> tf.Tensor:
        """See `Change`."""
        import tensorflow as tf

        line = tf.range(self.size)[None, :]
        down = (line >= drawn[:, 0, None]) & (line < drawn[:, 2, None])
        across = (line >= drawn[:, 1, None]) & (line < drawn[:, 3, None])
        inside = (down[:, :, None] & across[:, None, :])[..., None]
        return tf.where(inside, _noise(drawn[:, 4], self.size), pixels)


def _noise(seeds: Any, size: int) -> Any:
    """Grey levels that depend on seed and place only, shape (n, size, size, 3).

    TensorFlow's own generators have one seed a batch; an image's noise must not depend on its
    batch. This mixes the bits of a counter, with the last steps of MurmurHash3.
    """
    import tensorflow as tf

    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor

    def scrambled(bits: Any) -> Any:
        bits = xor(bits, shift(bits, tf.constant(16, tf.uint32))) * np.uint32(0x85EBCA6B)
        bits = xor(bits, shift(bits, tf.constant(13, tf.uint32))) * np.uint32(0xC2B2AE35)
        return xor(bits, shift(bits, tf.constant(16, tf.uint32)))

    places = tf.reshape(tf.range(size * size * 3), (1, size, size, 3))
    counters = tf.cast(places, tf.uint32) * np.uint32(0x9E3779B9)
    seeded = counters + scrambled(tf.bitcast(seeds, tf.uint32))[:, None, None, None]
    return tf.cast(shift(scrambled(seeded), tf.constant(24, tf.uint32)), tf.float32)
