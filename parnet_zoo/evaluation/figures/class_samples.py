"""Some images of every class, the suspicious ones framed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.canvas import GREY, ORANGE, literal, new_figure, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Frame = Literal["error", "warning", "note"]
COLUMNS = 8
"""Images of a class at most."""
_CELL, _TITLE, _GAP, _HEAD, _LABEL = 1.45, 0.22, 0.12, 0.62, 0.3
_CHARACTERS = 21
_YELLOW = "#E69F00"
_COLOURS = {"error": ORANGE, "warning": _YELLOW, "note": GREY}
_WIDTHS = {"error": 4.0, "warning": 4.0, "note": 1.5}


@dataclass(frozen=True, eq=False)
class Sample:
    """One image.

    Attributes:
        pixels: Shape (height, width, 3); None for a file that cannot be read.
        caption: What is odd about it, or its name.
        frame: How suspicious it is; None for an ordinary one.
    """

    pixels: NDArray[np.uint8] | None
    caption: str
    frame: Frame | None = None


def class_samples(
    rows: Sequence[tuple[str, Sequence[Sample]]], title: str, path: Path, left_out: int = 0
) -> None:
    """Draw one row of images for each class.

    Args:
        rows: Titles, such as "cat: 5,000 images", and up to eight images each.
        title: Of the whole.
        path: The PNG file.
        left_out: Classes that are not drawn, which the title then says.

    Raises:
        ValueError: There are no rows.
    """
    if not rows:
        raise ValueError("there are no classes to draw")
    row_height = _LABEL + _CELL + _TITLE
    width, height = COLUMNS * _CELL + 2 * _GAP, len(rows) * row_height + _HEAD + _GAP
    # Placed by hand: matplotlib's layout engines take many seconds for hundreds of pictures.
    figure = new_figure(width, height, layout=None)
    more = f" ({left_out} more classes are not drawn)" if left_out else ""
    head = figure.text(_GAP / width, 1 - 0.22 / height, title + more, fontsize=11, va="center")
    literal(head).set_fontweight("bold")
    _legend(figure, width, height)
    for number, (name, samples) in enumerate(rows):
        top = height - _HEAD - number * row_height
        text = figure.text(_GAP / width, (top - _LABEL / 2) / height, shorten(name, 90))
        literal(text).set(fontsize=9.5, va="center")
        for column, sample in enumerate(samples[:COLUMNS]):
            left, bottom = _GAP + column * _CELL, top - _LABEL - _CELL
            side = _CELL - _GAP
            place = (left / width, (bottom + _GAP) / height, side / width, side / height)
            _draw(figure.add_axes(place), sample)
    save(figure, path)


def _legend(figure: Figure, width: float, height: float) -> None:
    words = {"error": "unusable", "warning": "suspicious", "note": "odd, but fine"}
    left = _GAP
    for frame, word in words.items():
        text = figure.text(left / width, 1 - 0.47 / height, f"\u25a0 {word}", fontsize=8.5)
        text.set(color=_COLOURS[frame], va="center")
        left += 1.15


def _draw(axes: Axes, sample: Sample) -> None:
    axes.set(xticks=[], yticks=[])
    if sample.pixels is None:
        axes.set(xlim=(0, 1), ylim=(0, 1), facecolor="#F0F0F0")
        axes.plot([0.3, 0.7], [0.3, 0.7], color=ORANGE, linewidth=2)
        axes.plot([0.3, 0.7], [0.7, 0.3], color=ORANGE, linewidth=2)
    else:
        axes.imshow(sample.pixels, aspect="equal")
    for side in axes.spines.values():
        side.set_visible(sample.frame is not None)
        if sample.frame is not None:
            side.set(color=_COLOURS[sample.frame], linewidth=_WIDTHS[sample.frame])
    caption = axes.set_xlabel(shorten(sample.caption, _CHARACTERS), fontsize=7.5, labelpad=3)
    literal(caption).set_color("black" if sample.frame else GREY)
