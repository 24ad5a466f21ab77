"""The geometric augmentations as one projective map an image, and brightness as one factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import AugmentationSpec

if TYPE_CHECKING:
    import tensorflow as tf

RANDOM_NUMBERS = 8
"""Uniform numbers an image: rotation, shifts x and y, shear, zooms x and y, flip, brightness."""


def warps(spec: AugmentationSpec) -> bool:
    """Whether the spec moves pixels at all."""
    strengths = (spec.rotation, spec.width_shift, spec.height_shift, spec.shear, spec.zoom)
    return spec.horizontal_flip or any(strengths)


def transforms(
    spec: AugmentationSpec, uniforms: NDArray[np.float64], size: int
) -> NDArray[np.float32]:
    """Draw the map of each image.

    The mathematics is that of Keras' `ImageDataGenerator`, flip included: about the centre,
    rotation * shift * shear * zoom * flip. One difference: there, `height_shift_range` moves
    columns and `width_shift_range` rows (its matrices are in x, y order, its draws in y, x); here
    `width_shift` moves along the width, as the name says.

    Args:
        spec: The strengths.
        uniforms: Shape (n, `RANDOM_NUMBERS`), in [0, 1).
        size: Height and width of the images in pixels.

    Returns:
        Shape (n, 8), rows (a0, a1, a2, b0, b1, b2, 0, 0): the output pixel (x, y) is read at
        (a0 x + a1 y + a2, b0 x + b1 y + b2), x being the column. TensorFlow's
        `ImageProjectiveTransformV3` takes the same rows.
    """
    signed = 2 * uniforms - 1
    angle = np.deg2rad(spec.rotation * signed[:, 0])
    shift = size * signed[:, 1:3] * (spec.width_shift, spec.height_shift)
    shear = np.deg2rad(spec.shear * signed[:, 3])
    zoom = 1 + spec.zoom * signed[:, 4:6]
    mirror = np.where(spec.horizontal_flip & (signed[:, 6] < 0), -1.0, 1.0)

    rotation = _matrices(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))
    zeros, ones = np.zeros_like(angle), np.ones_like(angle)
    shearing = _matrices(ones, -np.sin(shear), zeros, np.cos(shear))
    scaling = _matrices(zoom[:, 0] * mirror, zeros, zeros, zoom[:, 1])
    linear = rotation @ shearing @ scaling
    centre = np.full((2, 1), (size - 1) / 2)
    offset = centre + rotation @ shift[:, :, None] - linear @ centre
    rows = np.concatenate([linear, offset], axis=2).reshape(-1, 6)
    return np.pad(rows, ((0, 0), (0, 2))).astype(np.float32)


def brightness_factors(
    spec: AugmentationSpec, uniforms: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What each image's pixels are multiplied with, before they are cut off at 255.

    Args:
        spec: Has the range of factors.
        uniforms: Shape (n, `RANDOM_NUMBERS`), in [0, 1).

    Returns:
        Shape (n,); ones where the spec leaves brightness alone.
    """
    low, high = spec.brightness or (1.0, 1.0)
    return (low + (high - low) * uniforms[:, 7]).astype(np.float32)


def augment(images: Any, matrices: Any, factors: Any, spec: AugmentationSpec) -> tf.Tensor:
    """Warp and brighten a batch with TensorFlow, in one bilinear resampling.

    Meant to be compiled by XLA, which makes one pass over memory of it: at 256 pixels three to four
    times as fast as TensorFlow's kernel for projective maps, to the same result.

    Beyond its edges an image goes on with its nearest pixel. `ImageDataGenerator` rounds down to
    whole grey levels twice on its way through brightness; here nothing is rounded.

    Args:
        images: Shape (n, size, size, 3), uint8; size is static.
        matrices: Shape (n, 8), from `transforms`.
        factors: Shape (n,), from `brightness_factors`.
        spec: Tells which of the two are needed at all.

    Returns:
        Shape (n, size, size, 3), float32, 0 to 255.
    """
    import tensorflow as tf

    pixels = _resample(images, matrices) if warps(spec) else tf.cast(images, tf.float32)
    if spec.brightness is not None:
        pixels = tf.minimum(pixels * factors[:, None, None, None], 255.0)
    return pixels


def _resample(images: Any, matrices: Any) -> tf.Tensor:
    """Read each output pixel between the four input pixels around the place the map gives."""
    import tensorflow as tf

    size = images.shape[1]
    line = tf.range(size, dtype=tf.float32)
    columns, rows = line[None, None, :], line[None, :, None]
    terms = matrices[:, :, None, None]
    last = tf.constant(size - 1, tf.float32)
    x = tf.clip_by_value(terms[:, 0] * columns + terms[:, 1] * rows + terms[:, 2], 0.0, last)
    y = tf.clip_by_value(terms[:, 3] * columns + terms[:, 4] * rows + terms[:, 5], 0.0, last)
    left, top = tf.floor(x), tf.floor(y)
    right, bottom = tf.minimum(left + 1, last), tf.minimum(top + 1, last)
    flat = tf.reshape(images, (-1, size * size, 3))

    def at(row: Any, column: Any) -> Any:
        index = tf.cast(row, tf.int32) * size + tf.cast(column, tf.int32)
        chosen = tf.gather(flat, tf.reshape(index, (-1, size * size)), batch_dims=1)
        return tf.cast(tf.reshape(chosen, (-1, size, size, 3)), tf.float32)

    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = at(top, left) * (1 - across) + at(top, right) * across
    lower = at(bottom, left) * (1 - across) + at(bottom, right) * across
    return upper * (1 - down) + lower * down


def _matrices(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Stack [[a, b], [c, d]]: four of shape (n,) to (n, 2, 2)."""
    return np.stack([a, b, c, d], axis=1).reshape(-1, 2, 2)
