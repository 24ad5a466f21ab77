"""What pictures are like, seen from some of their headers."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.data.check.look import FORMATS
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import ImageFolder
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.errors import DataError

SAMPLE = 300
"""Headers that are read: sizes are known to a few percent, and it takes a moment only."""
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "F"})


@dataclass(frozen=True)
class Pictures:
    """A folder's pictures in numbers.

    Attributes:
        folder: All of them.
        sampled: How many were looked into.
        unreadable: How many of these could not be read.
        short_side: Median of the shorter sides in pixels.
        smallest, largest: The shortest and the longest of the shorter sides.
        grey: Whether all of them are without colour by their format.
    """

    folder: ImageFolder
    sampled: int
    unreadable: int
    short_side: int
    smallest: int
    largest: int
    grey: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.folder.classes

    @property
    def train(self) -> int:
        """Training pictures."""
        return len(self.folder.train)

    @property
    def counts(self) -> dict[str, int]:
        """Training pictures of each class."""
        return self.folder.train.counts(self.folder.classes)


def look_at(folder: ImageFolder) -> Pictures:
    """Read the headers of some training pictures, the same part of each class.

    Raises:
        DataError: None of them can be read.
    """
    chosen = _spread(folder.train.paths)
    headers = [header for image in chosen if (header := _header(image)) is not None]
    if not headers:
        raise DataError(
            f"none of {len(chosen)} pictures in {escaped(folder.root)} can be read, such as"
            f" {escaped(str(chosen[0]))}: are they pictures?"
        )
    sides = sorted(min(size) for size, _ in headers)
    modes = Counter(mode for _, mode in headers)
    return Pictures(
        folder=folder,
        sampled=len(chosen),
        unreadable=len(chosen) - len(headers),
        short_side=sides[len(sides) // 2],
        smallest=sides[0],
        largest=sides[-1],
        grey=modes.keys() <= _GREY_MODES,
    )


def _spread(images: Sequence[ImageFile]) -> list[ImageFile]:
    """Some, evenly over all: they are in the order of their classes."""
    count = min(SAMPLE, len(images))
    return [images[number * len(images) // count] for number in range(count)]


def _header(image: ImageFile) -> tuple[tuple[int, int], str] | None:
    """Size and colour mode; None for what cannot be read."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a training that reads it says what is odd about it
        try:
            source = encoded(image)
            file = source if isinstance(source, Path) else io.BytesIO(source)
            with Image.open(file, formats=FORMATS) as opened:
                return opened.size, opened.mode
        except Exception:  # Pillow's readers raise anything on files that are no pictures
            return None
