"""MixUp and CutMix: pairs of images of a batch, and of their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import Mixing

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Mix:
    """How each image of a batch is mixed with its partner, the batch read backwards.

    Attributes:
        weight: Of the image itself where it is blended; the partner has the rest.
        box: Top, left, bottom and right of what is cut out of the partner; all 0: nothing.
        share: The image's part of its pixels, and so of its target.
    """

    weight: float
    box: tuple[int, int, int, int]
    share: float


def draw_mix(spec: Mixing, generator: np.random.Generator, size: int) -> Mix | None:
    """What happens to a batch; None: nothing.

    Whatever the outcome, MixUp's and CutMix's numbers come after the same two draws.

    Args:
        spec: The strengths.
        generator: Of this batch alone.
        size: Height and width of the images in pixels.
    """
    happens, kind = generator.random(2)
    if happens >= spec.probability or not (spec.mixup or spec.cutmix):
        return None
    if spec.mixup and (kind < 1 / 2 or not spec.cutmix):
        weight = float(generator.beta(spec.mixup, spec.mixup))
        return Mix(weight, (0, 0, 0, 0), weight)
    return _cutmix(spec.cutmix, generator, size)


def _cutmix(alpha: float, generator: np.random.Generator, size: int) -> Mix:
    """A box of 1 - lambda of the area about any point; what lies outside the image is lost."""
    side = size * np.sqrt(1 - generator.beta(alpha, alpha))
    centre = size * generator.random(2)
    top, left = np.clip(np.rint(centre - side / 2), 0, size).astype(int).tolist()
    bottom, right = np.clip(np.rint(centre + side / 2), 0, size).astype(int).tolist()
    share = 1 - (bottom - top) * (right - left) / size**2
    return Mix(1.0, (top, left, bottom, right), share)


def mixed_targets(targets: NDArray[np.float32], mix: Mix) -> NDArray[np.float32]:
    """Targets, shape (n, classes), of mixed images."""
    share = np.float32(mix.share)
    return targets * share + targets[::-1] * (1 - share)


def mixed_pixels(pixels: Any, count: Any, weight: Any, box: Any) -> tf.Tensor:
    """Mix with TensorFlow; meant to be compiled by XLA.

    Args:
        pixels: Shape (n, size, size, 3), float32; all of it is static.
        count: How many of the n are images, a scalar; the rest fills the batch up.
        weight: Of the image itself, a scalar.
        box: Shape (4,), as in `Mix`.

    Returns:
        The shape of `pixels`.
    """
    import tensorflow as tf

    rows, size = pixels.shape[0], pixels.shape[1]
    partner = tf.gather(pixels, tf.maximum(count - 1 - tf.range(rows), 0))
    line = tf.range(size)
    down, across = (line >= box[0]) & (line < box[2]), (line >= box[1]) & (line < box[3])
    inside = (down[:, None] & across[None, :])[None, :, :, None]
    # Not one difference times a weight: a weight of 1 leaves every pixel exactly as it is.
    return tf.where(inside, partner, pixels * weight + partner * (1 - weight))
