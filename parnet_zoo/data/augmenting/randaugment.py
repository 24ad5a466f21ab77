"""RandAugment: a few operations out of fourteen, one after the other, each at one strength."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import RandAugment
from parnet_zoo.data.augmenting.change import Uniforms
from parnet_zoo.data.augmenting.geometry import about_centre, linear_maps
from parnet_zoo.data.augmenting.streams import Stream

if TYPE_CHECKING:
    from PIL import Image

OPERATIONS = (
    "identity",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "autocontrast",
    "equalize",
    "solarize",
    "posterize",
    "color",
    "contrast",
    "brightness",
    "sharpness",
)
"""Those of the paper (Cubuk et al. 2019), the geometric ones first."""
_FIRST_COLOR = OPERATIONS.index("autocontrast")
_MOST = 10.0
# At the greatest magnitude, as in AutoAugment (Cubuk et al. 2018).
_ROTATION = np.deg2rad(30)
_SHEAR = 0.3
_TRANSLATION = 150 / 331
_ENHANCEMENT = 0.9
_POSTERIZED_BITS = 4


@dataclass(frozen=True)
class Choices:
    """What happens to each image of a batch.

    Attributes:
        operations: Numbers in `OPERATIONS`, shape (n, operations), in their order.
        signs: 1 or -1 for each, likewise.
    """

    operations: NDArray[np.int64]
    signs: NDArray[np.float64]


def choose(spec: RandAugment, uniforms: Uniforms) -> Choices:
    """Draw operations and the sides to which they go; an operation may come twice."""
    numbers = uniforms(Stream.RANDAUGMENT, 1 + 2 * spec.operations)
    operations = (numbers[:, 1 : 1 + spec.operations] * len(OPERATIONS)).astype(np.int64)
    operations[numbers[:, 0] >= spec.probability] = OPERATIONS.index("identity")
    return Choices(operations, np.where(numbers[:, 1 + spec.operations :] < 1 / 2, 1.0, -1.0))


def operation_maps(choices: Choices, magnitude: float, size: int) -> NDArray[np.float64]:
    """The geometric operations of each image as one map, about its centre.

    Args:
        choices: For n images.
        magnitude: 0 to 10.
        size: Height and width of the images in pixels.

    Returns:
        Shape (n, 3, 3), as `geometry_maps` has them.
    """
    maps = np.tile(np.eye(3), (len(choices.operations), 1, 1))
    for column in range(choices.operations.shape[1]):
        amounts = choices.signs[:, column] * magnitude / _MOST
        # What comes later is met first on the way from the result back to the image.
        maps = maps @ _one_map(choices.operations[:, column], amounts, size)
    return maps


def _one_map(
    operations: NDArray[np.int64], amounts: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    def amount(name: str, most: float) -> NDArray[np.float64]:
        return np.where(operations == OPERATIONS.index(name), most * amounts, 0.0)

    angle = amount("rotate", float(_ROTATION))
    cos, sin = np.cos(angle), np.sin(angle)
    linear = linear_maps(cos, amount("shear_x", _SHEAR) - sin, amount("shear_y", _SHEAR) + sin, cos)
    shift = [amount(f"translate_{axis}", _TRANSLATION * size) for axis in "xy"]
    return about_centre(linear, np.stack(shift, axis=1), size)


def recolored(images: NDArray[np.uint8], choices: Choices, magnitude: float) -> NDArray[np.uint8]:
    """The operations on colours, done by Pillow, in which the paper defines them.

    Only what was drawn is computed, which a compiled program for the whole batch could not do; and
    Pillow gives other threads their turn meanwhile. It works on the stored images, before their
    resampling: whole grey levels go in and come out.

    Args:
        images: Shape (n, size, size, 3); they stay as they are.
        choices: For these images.
        magnitude: 0 to 10.

    Returns:
        The shape of `images`.
    """
    from PIL import Image

    chosen = np.flatnonzero((choices.operations >= _FIRST_COLOR).any(axis=1))
    if not len(chosen):
        return images
    result = images.copy()
    for index in chosen.tolist():
        picture = Image.fromarray(images[index])
        for number, sign in zip(choices.operations[index], choices.signs[index], strict=True):
            if number >= _FIRST_COLOR:
                picture = color_operation(OPERATIONS[number], sign * magnitude / _MOST)(picture)
        result[index] = np.asarray(picture)
    return result


def color_operation(name: str, amount: float) -> Callable[[Image.Image], Image.Image]:
    """An operation on colours.

    Args:
        name: One of `OPERATIONS`.
        amount: -1 to 1. Only enhancements have two sides.
    """
    from PIL import ImageEnhance, ImageOps

    strength = abs(amount)
    match name:
        case "autocontrast":
            return ImageOps.autocontrast
        case "equalize":
            return ImageOps.equalize
        case "solarize":
            return lambda picture: ImageOps.solarize(picture, round(256 * (1 - strength)))
        case "posterize":
            return lambda picture: ImageOps.posterize(
                picture, 8 - round(_POSTERIZED_BITS * strength)
            )
    enhancer = getattr(ImageEnhance, name.capitalize())
    return lambda picture: enhancer(picture).enhance(1 + _ENHANCEMENT * amount)
