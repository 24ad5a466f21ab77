"""The one resampling that all geometric augmentations share, and the change of size with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Resampling:
    """Reads stored images at the places that maps give, bilinearly and without much aliasing.

    Where an output pixel covers an area of 2 or more stored ones, it is read from the image halved
    as often as brings that nearest to 1: halving takes the mean of 2 x 2 pixels. An output pixel
    then covers an area of 0.5 to 2 pixels of what it is read from, which its four neighbours stand
    for well. Renderers choose mip levels in the same way.

    Attributes:
        stored: Height and width of the stored images in pixels.
        size: Of the output.
        levels: Halvings that may be asked for, (fewest, most).
    """

    stored: int
    size: int
    levels: tuple[int, int]

    @classmethod
    def between(cls, stored: int, size: int, areas: tuple[float, float]) -> Resampling:
        """For maps whose determinants lie between those of `areas`, (smallest, largest)."""
        low, high = _levels(np.array(areas), (0, stored.bit_length() - 1)).tolist()
        return cls(stored, size, (low, high))

    @property
    def arrays(self) -> int:
        """How many arrays `places` gives."""
        return 1 if self.levels[0] == self.levels[1] else 2

    def places(self, maps: NDArray[np.float64]) -> list[NDArray[Any]]:
        """What `read` needs of maps from output pixels to stored ones.

        Args:
            maps: Shape (n, 3, 3).

        Returns:
            Terms, shape (n, 6), float32, of (a0 x + a1 y + a2, b0 x + b1 y + b2); and, where
            there is a choice, the level of each image, shape (n,), int32.
        """
        levels = _levels(np.abs(np.linalg.det(maps[:, :2, :2])), self.levels)
        shrunk = maps[:, :2] * 0.5 ** levels[:, None, None]
        shrunk[:, :, 2] += (0.5 ** levels[:, None] - 1) / 2
        terms = shrunk.reshape(-1, 6).astype(np.float32)
        return [terms, levels][: self.arrays]

    def halved(self, images: Any) -> tf.Tensor:
        """Every level that is read, with TensorFlow.

        Args:
            images: Shape (n, stored, stored, 3), uint8; all of it is static.

        Returns:
            Shape (n, pixels of all levels, 3), uint8, one level after the other.
        """
        import tensorflow as tf

        pyramid = [images]
        for _ in range(self.levels[1]):
            pyramid.append(_halved(pyramid[-1]))
        wanted = pyramid[self.levels[0] :]
        return tf.concat([tf.reshape(level, (-1, level.shape[1] ** 2, 3)) for level in wanted], 1)

    def read(self, pixels: Any, terms: Any, levels: Any | None = None) -> tf.Tensor:
        """Resample a batch with TensorFlow.

        Meant to be compiled by XLA, which makes one pass over memory of it: at 256 pixels three to
        four times as fast as TensorFlow's kernel for projective maps, to the same result.

        Beyond its edges an image goes on with its nearest pixel.

        Args:
            pixels: From `halved`; or the images themselves, where only those are read.
            terms: Shape (n, 6), from `places`.
            levels: Shape (n,), from `places`; None where there is no choice.

        Returns:
            Shape (n, size, size, 3), float32, 0 to 255.
        """
        import tensorflow as tf

        sides = self._sides()
        pixels = tf.reshape(pixels, (-1, sum(side**2 for side in sides), 3))
        if levels is None:
            return _bilinear(pixels, terms, self.size, sides[0], 0)
        starts = np.cumsum([0, *(side**2 for side in sides[:-1])])
        chosen = levels - self.levels[0]
        side, start = (
            tf.gather(tf.constant(table, tf.int32), chosen)[:, None, None]
            for table in (sides, starts)
        )
        return _bilinear(pixels, terms, self.size, side, start)

    def _sides(self) -> list[int]:
        """Height and width of each level."""
        return [-(-self.stored // 2**level) for level in range(self.levels[0], self.levels[1] + 1)]


def _levels(areas: NDArray[np.float64], bounds: tuple[int, int]) -> NDArray[np.int32]:
    """How often to halve images of which an output pixel covers so many pixels."""
    # What covers nothing at all has no logarithm.
    nearest = np.floor(0.5 + 0.5 * np.log2(np.maximum(areas, np.finfo(np.float64).tiny)))
    return np.clip(nearest, *bounds).astype(np.int32)


def _halved(images: Any) -> Any:
    """Means of 2 x 2 pixels, in whole grey levels; an odd edge counts twice."""
    import tensorflow as tf

    whole = tf.cast(images, tf.int32)
    if whole.shape[1] % 2:
        whole = tf.concat([whole, whole[:, -1:]], axis=1)
        whole = tf.concat([whole, whole[:, :, -1:]], axis=2)
    rows = whole[:, ::2] + whole[:, 1::2]
    return tf.cast((rows[:, :, ::2] + rows[:, :, 1::2] + 2) // 4, tf.uint8)


def _bilinear(flat: Any, terms: Any, size: int, side: Any, start: Any) -> tf.Tensor:
    """Read each output pixel between the four input pixels around its place.

    Args:
        flat: Each image's pixels in one row, shape (n, pixels, 3).
        terms: Shape (n, 6).
        size: Height and width of the output.
        side: Of the image that is read.
        start: Where that image begins in `flat`.
    """
    import tensorflow as tf

    line = tf.range(size, dtype=tf.float32)
    columns, rows = line[None, None, :], line[None, :, None]
    term = terms[:, :, None, None]
    last = tf.cast(side - 1, tf.float32)
    x = tf.clip_by_value(term[:, 0] * columns + term[:, 1] * rows + term[:, 2], 0.0, last)
    y = tf.clip_by_value(term[:, 3] * columns + term[:, 4] * rows + term[:, 5], 0.0, last)
    left, top = tf.floor(x), tf.floor(y)
    right, bottom = tf.minimum(left + 1, last), tf.minimum(top + 1, last)

    def at(row: Any, column: Any) -> Any:
        index = start + tf.cast(row, tf.int32) * side + tf.cast(column, tf.int32)
        chosen = tf.gather(flat, tf.reshape(index, (-1, size * size)), batch_dims=1)
        return tf.cast(tf.reshape(chosen, (-1, size, size, 3)), tf.float32)

    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = at(top, left) * (1 - across) + at(top, right) * across
    lower = at(bottom, left) * (1 - across) + at(bottom, right) * across
    return upper * (1 - down) + lower * down
