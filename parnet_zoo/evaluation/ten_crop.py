"""Ten views of one picture, whose probabilities are averaged.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
2012, section 4.1.
"""

import numpy as np
from numpy.typing import NDArray

SHARE = 0.875
"""The network's side as a part of the larger picture's."""


def larger_size(size: int) -> int:
    """Side of the picture that the crops are taken from, in pixels: size / 0.875, rounded."""
    return round(size / SHARE)


def ten_crops(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Cut out the four corners and the centre, and mirror each of them.

    Args:
        picture: Shape (larger, larger, 3).
        size: Side of the crops, at most `larger`.

    Returns:
        Shape (10, size, size, 3): upper left, upper right, lower left, lower right, centre (rounded
        towards the upper left), then their mirror images.

    Raises:
        ValueError: The picture is smaller than the crops.
    """
    spare = min(picture.shape[:2]) - size
    if spare < 0:
        raise ValueError(f"crops of {size} pixels out of a picture of shape {picture.shape}")
    places = ((0, 0), (0, spare), (spare, 0), (spare, spare), (spare // 2, spare // 2))
    crops = np.stack([picture[y : y + size, x : x + size] for y, x in places])
    return np.concatenate((crops, crops[:, :, ::-1]))
