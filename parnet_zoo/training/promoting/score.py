"""How many images a classifier gets right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.folder import Split
from parnet_zoo.data.image_file import encoded
from parnet_zoo.errors import DataError
from parnet_zoo.serving.runtime import Classifier, ImageDecodeError

BATCH = 32


@dataclass(frozen=True)
class Score:
    """What a classifier reached on a split.

    Attributes:
        right: Images whose most probable class is the true one.
        images: Images that could be read.
    """

    right: int
    images: int

    @property
    def accuracy(self) -> float:
        """Top-1; not a number without images."""
        return self.right / self.images if self.images else nan


def score(classifier: Classifier, split: Split, done: Callable[[int, str], None]) -> Score:
    """Ask a classifier about every image, decoded as it wants it.

    Args:
        classifier: Its labels must be the classes that the split's labels number.
        split: The images; those that cannot be read are left out.
        done: Told of progress: images so far, and a note.

    Raises:
        DataError: None of them can be read.
    """
    right = images = 0
    for number, (pixels, truth) in enumerate(decoded(classifier, split), 1):
        answers = classifier.probabilities(pixels).argmax(axis=-1)
        right += int((answers == truth).sum())
        images += len(truth)
        done(min(number * BATCH, len(split)), "")
    if not images:
        raise DataError(f"none of the {len(split)} images to compare on can be read")
    return Score(right, images)


def decoded(
    classifier: Classifier, split: Split
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """The readable images of a split, in batches of pixels (n, size, size, 3) and labels (n,)."""
    for start in range(0, len(split), BATCH):
        pixels, kept = [], []
        for index in range(start, min(start + BATCH, len(split))):
            try:
                pixels.append(classifier.decode(encoded(split.paths[index])))
            except (ImageDecodeError, OSError):
                continue
            kept.append(index)
        if kept:
            yield np.stack(pixels), split.labels[kept]
