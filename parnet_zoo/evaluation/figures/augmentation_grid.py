"""Training images beside what augmentation makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.canvas import literal, new_figure, save, shorten

COLUMNS = 8
_CELL, _GAP, _HEAD, _TITLE, _CAPTION = 1.45, 0.08, 0.42, 0.3, 0.22
_CHARACTERS = 22
_FEWEST = 5
"""Columns that the titles need."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One image.

    Attributes:
        pixels: Shape (height, width, 3), 0 to 255.
        caption: Below it; "" for none.
    """

    pixels: NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Band:
    """Rows of tiles under one title.

    Attributes:
        title: What they are.
        heads: Over each column; empty for none.
        rows: At most eight tiles each.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Tile]]

    @property
    def captioned(self) -> bool:
        """Whether any tile has a caption."""
        return any(tile.caption for row in self.rows for tile in row)

    @property
    def height(self) -> float:
        """In inches."""
        row = _CELL + (_CAPTION if self.captioned else 0)
        return _TITLE + (_CAPTION if self.heads else 0) + row * len(self.rows) + 2 * _GAP


def augmentation_grid(bands: Sequence[Band], title: str, path: Path) -> None:
    """Draw bands of images below each other; pixels are drawn as they are, not smoothed.

    Args:
        bands: At least one.
        title: Of the whole.
        path: The PNG file.

    Raises:
        ValueError: There is nothing to draw.
    """
    if not bands:
        raise ValueError("there is nothing to draw")
    columns = max(len(row) for band in bands for row in band.rows)
    width = min(max(columns, _FEWEST), COLUMNS) * _CELL + 2 * _GAP
    height = _HEAD + sum(band.height for band in bands) + _GAP
    sheet = _Sheet(width, height)
    sheet.write(title, _GAP, height - _HEAD / 2, size=11, bold=True)
    top = height - _HEAD
    for band in bands:
        sheet.draw(band, top)
        top -= band.height
    save(sheet.figure, path)


class _Sheet:
    """A figure whose places are in inches from its lower left corner.

    Placed by hand: matplotlib's layout engines take many seconds for hundreds of pictures.
    """

    def __init__(self, width: float, height: float) -> None:
        self._width, self._height = width, height
        self.figure = new_figure(width, height, layout=None)

    def write(self, text: str, left: float, middle: float, *, size: float, bold: bool) -> None:
        written = literal(
            self.figure.text(left / self._width, middle / self._height, shorten(text, 120))
        )
        written.set(fontsize=size, va="center", fontweight="bold" if bold else "normal")

    def draw(self, band: Band, top: float) -> None:
        self.write(band.title, _GAP, top - _TITLE / 2, size=9.5, bold=False)
        top -= _TITLE
        for column, head in enumerate(band.heads):
            left = _GAP + column * _CELL
            self.write(head, left, top - _CAPTION / 2, size=8, bold=False)
        top -= _CAPTION if band.heads else 0
        for row in band.rows:
            for column, tile in enumerate(row[:COLUMNS]):
                self._tile(tile, _GAP + column * _CELL, top - _CELL + _GAP)
            top -= _CELL + (_CAPTION if band.captioned else 0)

    def _tile(self, tile: Tile, left: float, bottom: float) -> None:
        side = _CELL - _GAP
        place = (left / self._width, bottom / self._height, side / self._width, side / self._height)
        axes = self.figure.add_axes(place)
        axes.imshow(tile.pixels, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
        literal(axes.set_xlabel(shorten(tile.caption, _CHARACTERS), fontsize=7.5, labelpad=2))
