"""Pictures with what a network says about them."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.canvas import literal, new_figure, save, shorten

_COLUMNS = 6
_MOST_PICTURES = 300
_LINE_CHARACTERS = 24
_LINES = 2
_CELL = 2.1
_GAP = 0.1


def prediction_sheet(
    images: Sequence[NDArray[np.uint8]], titles: Sequence[str], path: Path
) -> None:
    """Draw pictures in rows, each under its title such as `cat: 0.98`.

    Args:
        images: Pictures of shape (height, width, 3), of any sizes; after the first 300 the sheet
            ends and says so.
        titles: One for each picture.
        path: The PNG file.

    Raises:
        ValueError: There is no picture, or not one title for each.
    """
    if len(images) != len(titles) or not len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} pictures")
    shown = min(len(images), _MOST_PICTURES)
    columns = min(_COLUMNS, math.ceil(math.sqrt(shown)))
    rows = math.ceil(shown / columns)
    wrapped = [_wrap(title) for title in titles[:shown]]
    title = 0.5 if any("\n" in text for text in wrapped) else 0.3
    head = 0.4 if shown < len(images) else 0.0
    width, height = columns * _CELL + _GAP, rows * (_CELL + title) + _GAP + head
    # Placed by hand: matplotlib's layout engines take many seconds for hundreds of pictures.
    figure = new_figure(width, height, layout=None)
    for place in range(shown):
        row, column = divmod(place, columns)
        left, bottom = _GAP + column * _CELL, height - head - (row + 1) * (_CELL + title)
        side = _CELL - _GAP
        axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
        axes.imshow(images[place])
        axes.set_anchor("N")  # titles of one row on one line, whatever the pictures' shapes
        literal(axes.set_title(wrapped[place], fontsize=9))
        axes.set_axis_off()
    if head:
        text = f"the first {shown} of {len(images)} pictures"
        figure.text(0.5, 1 - head / 2 / height, text, ha="center", va="center")
    save(figure, path)


def _wrap(title: str) -> str:
    """At most two lines; the last word, the probability, is always kept."""
    lines = textwrap.wrap(title, _LINE_CHARACTERS)
    if len(lines) <= _LINES:
        return "\n".join(lines)
    start, _, last = " ".join(title.split()).rpartition(" ")
    last = shorten(last, _LINE_CHARACTERS // 2)
    first = shorten(start, _LINE_CHARACTERS)
    return f"{first}\n{last}" if start else shorten(last, _LINE_CHARACTERS)
