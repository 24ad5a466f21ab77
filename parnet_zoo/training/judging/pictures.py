"""Single images of a split, for galleries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.runtime import decode_image

SIDE = 200
"""Pixels at least, so that a person sees more than a network for small images."""


def picture(image: ImageFile, recipe: Recipe) -> NDArray[np.uint8] | None:
    """An image as large as a gallery shows it, made square as the network has it.

    Args:
        image: Where it lies.
        recipe: Says how pictures become squares.

    Returns:
        Shape (side, side, 3); None for one that cannot be read any more.
    """
    try:
        return decode_image(encoded(image), max(SIDE, recipe.spec().resolution), recipe.data.resize)
    except (OSError, ValueError):  # ImageDecodeError is one
        return None


def file_name(image: ImageFile) -> str:
    """The last part of its path, as it can be printed."""
    return escaped(image.name)
