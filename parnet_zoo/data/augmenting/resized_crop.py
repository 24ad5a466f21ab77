"""A random part of the image as the whole, as a map that composes with all others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import ResizedCrop
from parnet_zoo.data.augmenting.rectangles import rectangles

NUMBERS = 4
"""Uniform numbers an image: area, ratio, place across, place down."""


def whole_image(count: int) -> NDArray[np.float64]:
    """The parts, shape (n, 4), of images that are not cropped."""
    return np.tile([0.0, 0.0, 1.0, 1.0], (count, 1))


def crop_parts(spec: ResizedCrop, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw each image's part: left, top, width and height, as fractions of the image.

    Args:
        spec: The strengths.
        uniforms: Shape (n, `NUMBERS`), in [0, 1).

    Returns:
        Shape (n, 4).
    """
    return rectangles(spec.area, spec.ratio, uniforms)


def crop_maps(parts: NDArray[np.float64], stored: int, size: int) -> NDArray[np.float64]:
    """Maps from pixels of an output to pixels of a stored image, of which it shows a part.

    Pixels are small squares: the output's edges lie on the part's edges.

    Args:
        parts: Shape (n, 4): left, top, width and height, as fractions of the image.
        stored: Height and width of the stored image in pixels.
        size: Of the output.

    Returns:
        Shape (n, 3, 3), as `geometry_maps` has them.
    """
    corner, extent = parts[:, :2], parts[:, 2:]
    scale = extent * (stored / size)
    maps = np.zeros((len(parts), 3, 3))
    maps[:, 0, 0], maps[:, 1, 1] = scale[:, 0], scale[:, 1]
    maps[:, :2, 2] = corner * stored + (scale - 1) / 2
    maps[:, 2, 2] = 1
    return maps
