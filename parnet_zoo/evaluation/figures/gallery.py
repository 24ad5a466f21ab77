"""Pictures in a grid, each with lines of text below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.canvas import GREY, literal, new_figure, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 24
"""Pictures of a gallery."""
_COLUMNS = 6
_CELL, _GAP, _LINE, _HEAD = 1.85, 0.14, 0.17, 0.62
_CHARACTERS = 29


@dataclass(frozen=True)
class Line:
    """A line of text below a picture.

    Attributes:
        text: As it is; what does not fit is cut off.
        colour: Of the text.
        bold: Whether it stands out.
    """

    text: str
    colour: str = "black"
    bold: bool = False

    @classmethod
    def of_class(cls, word: str, name: str, probability: float, colour: str) -> Line:
        """A word, the name of a class, cut off if need be, and its probability, always whole."""
        number = f"{probability:.2f}" if probability >= 0.005 else "<0.01"  # noqa: PLR2004
        room = _CHARACTERS - len(word) - len(number) - 3
        return cls(f"{word} {shorten(name, room)}: {number}", colour, bold=True)


@dataclass(frozen=True, eq=False)
class Shown:
    """One picture.

    Attributes:
        pixels: Shape (height, width, 3), of any size; None for one that cannot be read any more.
        lines: Below it.
    """

    pixels: NDArray[np.uint8] | None
    lines: tuple[Line, ...]


def gallery(
    pictures: Sequence[Shown], path: Path, *, title: str, note: str = "", nothing: str = ""
) -> None:
    """Draw pictures in rows of six, the first 24 of them.

    Args:
        pictures: In their order.
        path: The PNG file.
        title: Of the whole.
        note: Below the title, in grey.
        nothing: What is said where there are no pictures.

    Raises:
        ValueError: There are no pictures, and nothing to say about it.
    """
    if not pictures and not nothing:
        raise ValueError("there is nothing to draw")
    shown = pictures[:MOST]
    columns = min(_COLUMNS, max(len(shown), _COLUMNS // 2))
    rows = math.ceil(len(shown) / columns)
    lines = max((len(picture.lines) for picture in shown), default=0)
    row_height = _CELL + lines * _LINE + _GAP
    width = columns * _CELL + (columns + 1) * _GAP
    height = _HEAD + (rows * row_height if shown else 0.5) + _GAP
    # Placed by hand: matplotlib's layout engines take many seconds for hundreds of pictures.
    figure = new_figure(width, height, layout=None)

    def write(text: str, left: float, top: float, size: float, line: Line) -> None:
        written = literal(figure.text(left / width, 1 - top / height, text, fontsize=size))
        written.set(color=line.colour, va="center", fontweight="bold" if line.bold else "normal")

    across = int(13.5 * width)
    write(shorten(title, across * 3 // 4), _GAP, 0.2, 11, Line("", bold=True))
    write(shorten(note, across), _GAP, 0.42, 8.5, Line("", GREY))
    if not shown:
        write(shorten(nothing, across), _GAP, _HEAD + 0.2, 10, Line(""))
    for number, picture in enumerate(shown):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (_CELL + _GAP), _HEAD + row * row_height
        place = (left / width, 1 - (top + _CELL) / height, _CELL / width, _CELL / height)
        _draw(figure.add_axes(place), picture.pixels)
        for below, line in enumerate(picture.lines):
            middle = top + _CELL + (below + 0.65) * _LINE
            write(shorten(line.text, _CHARACTERS), left, middle, 7.5, line)
    save(figure, path)


def _draw(axes: Axes, pixels: NDArray[np.uint8] | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_frame_on(pixels is None)
    if pixels is None:
        axes.set(facecolor="#F0F0F0", xlim=(0, 1), ylim=(0, 1))
        axes.text(0.5, 0.5, "cannot be read", ha="center", va="center", color=GREY, fontsize=8)
    else:
        axes.imshow(pixels, aspect="equal", interpolation="nearest")
        axes.set_anchor("SW")
