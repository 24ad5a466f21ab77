"""Rotation, shifts, shear, zoom and flip as one map an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import AugmentationSpec

NUMBERS = 8
"""Uniform numbers an image: rotation, shifts x and y, shear, zooms x and y, flip, brightness."""


def moves(spec: AugmentationSpec) -> bool:
    """Whether any of these is on."""
    strengths = (spec.rotation, spec.width_shift, spec.height_shift, spec.shear, spec.zoom)
    return spec.horizontal_flip or any(strengths)


def geometry_maps(
    spec: AugmentationSpec, uniforms: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Draw the map of each image.

    The mathematics is that of Keras' `ImageDataGenerator`, flip included: about the centre,
    rotation * shift * shear * zoom * flip. One difference: there, `height_shift_range` moves
    columns and `width_shift_range` rows (its matrices are in x, y order, its draws in y, x); here
    `width_shift` moves along the width, as the name says.

    Args:
        spec: The strengths.
        uniforms: Shape (n, `NUMBERS`), in [0, 1).
        size: Height and width of the images in pixels.

    Returns:
        Shape (n, 3, 3): the output pixel (x, y, 1) is read at the place that the matrix times it
        gives, x being the column.
    """
    signed = 2 * uniforms - 1
    angle = np.deg2rad(spec.rotation * signed[:, 0])
    shift = size * signed[:, 1:3] * (spec.width_shift, spec.height_shift)
    shear = np.deg2rad(spec.shear * signed[:, 3])
    zoom = 1 + spec.zoom * signed[:, 4:6]
    mirror = np.where(spec.horizontal_flip & (signed[:, 6] < 0), -1.0, 1.0)

    rotation = linear_maps(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))
    zeros, ones = np.zeros_like(angle), np.ones_like(angle)
    shearing = linear_maps(ones, -np.sin(shear), zeros, np.cos(shear))
    scaling = linear_maps(zoom[:, 0] * mirror, zeros, zeros, zoom[:, 1])
    return about_centre(rotation @ shearing @ scaling, (rotation @ shift[:, :, None])[..., 0], size)


def scales(spec: AugmentationSpec) -> tuple[float, float]:
    """The smallest and largest determinant that a map can have."""
    smallest = (1 - spec.zoom) ** 2 * np.cos(np.deg2rad(spec.shear))
    return float(smallest), (1 + spec.zoom) ** 2


def linear_maps(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Stack [[a, b], [c, d]]: four of shape (n,) to (n, 2, 2)."""
    return np.stack([a, b, c, d], axis=1).reshape(-1, 2, 2)


def about_centre(
    linear: NDArray[np.float64], shift: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """The maps, (n, 3, 3), of `linear`, (n, 2, 2), about the centre, then `shift`, (n, 2)."""
    centre = np.full((2, 1), (size - 1) / 2)
    maps = np.zeros((len(linear), 3, 3))
    maps[:, :2, :2] = linear
    maps[:, :2, 2:] = centre + shift[:, :, None] - linear @ centre
    maps[:, 2, 2] = 1
    return maps
