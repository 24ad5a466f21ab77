"""Pictures with several handwritten digits at random places and sizes, and their boxes.

The digits are scikit-learn's 1,797 (8 x 8 pixels). A fifth of them, by a fixed seed, appear in test
pictures only, so a detector is judged on handwriting that it has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = 10
FEWEST, MOST = 3, 8
"""Digits in one picture."""
SMALLEST, LARGEST = 24, 48
"""Height and width in pixels to which a digit's 8 x 8 square is enlarged."""
NOTHING = -1
"""Pads the boxes and classes of a picture with fewer than `MOST` digits, as keras-cv wants it."""
_OVERLAP = 0.1
"""Most of the smaller of two boxes that they may share."""
_TRIES = 50
"""Places and sizes that are tried for a digit; in a full picture it is left out after them."""
_CONTRAST = 0.35
"""Least difference of ink and ground, averaged over the colours, of 0 to 1."""
_NOISE = 0.03
_INK = 0.25
"""A pixel with this much ink belongs to the digit's box."""
_TEST_FRACTION = 0.2
_SPLIT_SEED = 0


@dataclass(frozen=True)
class Scenes:
    """Pictures and what is in them.

    Attributes:
        images: Shape (n, size, size, 3).
        boxes: Left, top, right, bottom in pixels, of the ink; shape (n, MOST, 4), padded with -1.
        classes: The digits 0 to 9; shape (n, MOST), padded with -1.
        sources: Which of scikit-learn's digits each is; shape (n, MOST), padded with -1.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    sources: NDArray[np.int64]


def scattered_digits(
    count: int, split: Literal["train", "test"], *, seed: int, size: int = 128
) -> Scenes:
    """Compose pictures; the same arguments give the same pictures.

    Args:
        count: How many.
        split: Whether of training or of test digits.
        seed: Of places, sizes, colours and the choice of digits.
        size: Height and width of a picture in pixels.
    """
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    candidates = split_of_digits(digits.target)[split]
    # Of equal seeds, training and test pictures still get places and colours of their own.
    dice = np.random.default_rng([seed, ("train", "test").index(split)])
    scenes = Scenes(
        images=np.empty((count, size, size, 3), np.uint8),
        boxes=np.full((count, MOST, 4), NOTHING, np.float32),
        classes=np.full((count, MOST), NOTHING),
        sources=np.full((count, MOST), NOTHING),
    )
    for number in range(count):
        cover = np.zeros((size, size), np.float32)
        wanted = dice.integers(FEWEST, MOST, endpoint=True)
        place = 0
        for source in dice.choice(candidates, wanted, replace=False):
            box = _put(digits.images[source] / 16, cover, scenes.boxes[number, :place], dice)
            if box is not None:
                scenes.boxes[number, place] = box
                scenes.classes[number, place] = digits.target[source]
                scenes.sources[number, place] = source
                place += 1
        scenes.images[number] = _coloured(cover, dice)
    return scenes


def split_of_digits(labels: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Which of scikit-learn's digits belong to training and to test pictures."""
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(len(labels)),
        test_size=_TEST_FRACTION,
        random_state=_SPLIT_SEED,
        stratify=labels,
    )
    return {"train": train, "test": test}


def _put(
    ink: NDArray[np.float64],
    cover: NDArray[np.float32],
    taken: NDArray[np.float32],
    dice: np.random.Generator,
) -> NDArray[np.float32] | None:
    """Write one digit where there is room; its box, or None where no room was found."""
    for _ in range(_TRIES):
        side = int(dice.integers(SMALLEST, LARGEST, endpoint=True))
        drawn = np.asarray(
            Image.fromarray(ink.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
        ).clip(0, 1)
        left, top = dice.integers(0, len(cover) - side, size=2, endpoint=True)
        box = _ink_box(drawn) + np.array([left, top, left, top], np.float32)
        if all(_shared(box, other) <= _OVERLAP for other in taken):
            region = cover[top : top + side, left : left + side]
            np.maximum(region, drawn, out=region)
            return box
    return None


def _ink_box(drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (np.flatnonzero((drawn >= _INK).any(axis=axis)) for axis in (1, 0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _shared(box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """What two boxes share, as a part of the smaller one."""
    width, height = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    smaller = min(np.prod(box[2:] - box[:2]), np.prod(other[2:] - other[:2]))
    return float(max(width, 0) * max(height, 0) / smaller)


def _coloured(cover: NDArray[np.float32], dice: np.random.Generator) -> NDArray[np.uint8]:
    """Ink of one colour on ground that changes from one colour to another, with noise."""
    size = len(cover)
    ink, first = dice.random((2, 3))
    while abs(float((ink - first).mean())) < _CONTRAST:
        ink, first = dice.random((2, 3))
    second = first + dice.uniform(-0.1, 0.1, 3)
    slope = np.linspace(0, 1, size)[:, None, None]
    if dice.integers(2):
        slope = slope.swapaxes(0, 1)
    ground = first + (second - first) * slope
    picture = ground + (ink - ground) * cover[..., None]
    picture += dice.normal(0, _NOISE, (size, size, 1))
    pixels: NDArray[np.uint8] = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    return pixels
