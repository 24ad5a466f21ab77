"""Where in a picture a network found what speaks for a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.canvas import (
    GREEN,
    GREY,
    ORANGE,
    literal,
    new_figure,
    save,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 8
"""Pictures of a figure."""
_PER_ROW = 2
_CELL, _GAP, _LINE, _HEAD, _FOOT = 1.9, 0.12, 0.2, 0.66, 0.5
_COLOURS = "plasma"
_STRONGEST = 0.65


@dataclass(frozen=True, eq=False)
class CamPicture:
    """One picture with its maps.

    Attributes:
        pixels: Shape (height, width, 3).
        true: Name of its class.
        predicted: Name of the network's answer.
        probability: Of the answer.
        for_predicted: (h, w), 0 to 1: what speaks for the answer.
        other: Name of another class: the true one, or where the answer is right the second one.
        for_other: What speaks for that.
        right: Whether the answer is right.
    """

    pixels: NDArray[np.uint8]
    true: str
    predicted: str
    probability: float
    for_predicted: NDArray[np.float32]
    other: str
    for_other: NDArray[np.float32]
    right: bool


def grad_cams(pictures: Sequence[CamPicture], path: Path, title: str = "Grad-CAM") -> None:
    """Draw each picture beside its maps for the answer and for another class.

    Args:
        pictures: At most eight are drawn, two a row.
        path: The PNG file.
        title: Of the whole.

    Raises:
        ValueError: There are no pictures.
    """
    shown = pictures[:MOST]
    if not shown:
        raise ValueError("there is nothing to draw")
    blocks = min(_PER_ROW, len(shown))
    block = 3 * (_CELL + _GAP) + 2 * _GAP
    row = 2 * _LINE + _CELL + 2 * _GAP
    width, height = (
        blocks * block + _GAP,
        _HEAD + math.ceil(len(shown) / blocks) * row + _FOOT,
    )
    # Placed by hand: matplotlib's layout engines take many seconds for hundreds of pictures.
    figure = new_figure(width, height, layout=None)
    _write(figure, _GAP, 0.2, shorten(title, int(10 * width)), fontsize=11, fontweight="bold")
    side = " x ".join(map(str, shown[0].for_predicted.shape))
    note = f"the map before the head has {side} places, drawn smoothly"
    _write(figure, _GAP, 0.43, note, fontsize=8.5, color=GREY)
    for number, picture in enumerate(shown):
        down, across = divmod(number, blocks)
        _block(figure, picture, _GAP + across * block, _HEAD + down * row)
    _scale(figure)
    save(figure, path)


def _block(figure: Figure, picture: CamPicture, left: float, top: float) -> None:
    true, said = shorten(picture.true, 20), shorten(picture.predicted, 20)
    verdict = f"{true}, right" if picture.right else f"{true}, taken for {said}"
    colour = GREEN if picture.right else ORANGE
    _write(
        figure, left, top + _LINE / 2, f"{verdict}: {picture.probability:.2f}",
        fontsize=9, color=colour, fontweight="bold",
    )  # fmt: skip
    maps = (
        ("picture", None),
        (_name(picture.predicted, picture.for_predicted), picture.for_predicted),
        (_name(picture.other, picture.for_other), picture.for_other),
    )
    for column, (name, found) in enumerate(maps):
        x, y = left + column * (_CELL + _GAP), top + 2 * _LINE
        _write(figure, x, top + 1.5 * _LINE, shorten(name, 26), fontsize=8, color="#333333")
        _overlay(_axes(figure, x, y, _CELL, _CELL), picture.pixels, found)


def _name(name: str, found: NDArray[np.float32]) -> str:
    """What a map is about; one in which no place speaks for its class looks like none."""
    return f"for {shorten(name, 20)}" if found.any() else f"nothing for {shorten(name, 14)}"


def _overlay(axes: Axes, pixels: NDArray[np.uint8], found: NDArray[np.float32] | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_frame_on(False)
    height, width = pixels.shape[:2]
    extent = (0, width, height, 0)
    if found is None:
        axes.imshow(pixels, extent=extent, interpolation="nearest")
        return
    # In grey, so that the only colours are those of the map.
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    axes.imshow(grey, extent=extent, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    large = _smooth(found, height, width)
    axes.imshow(
        large, extent=extent, cmap=_COLOURS, vmin=0, vmax=1, alpha=large * _STRONGEST,
        interpolation="nearest",
    )  # fmt: skip


def _smooth(found: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """The map at a picture's size, smooth between its places."""
    from PIL import Image

    large = Image.fromarray(found.astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.clip(np.asarray(large, np.float32), 0, 1)


def _scale(figure: Figure) -> None:
    """How strongly a place speaks for the class."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width, height = figure.get_size_inches()
    axes = _axes(figure, _GAP, height - _FOOT + 0.08, min(3.2, width / 2), 0.13)
    colours: Any = ScalarMappable(Normalize(0, 1), _COLOURS)
    bar = figure.colorbar(colours, cax=axes, orientation="horizontal", ticks=[0, 1])
    bar.ax.set_xticklabels(["nothing here", "strongest in this picture"], fontsize=7.5)
    first, last = bar.ax.get_xticklabels()
    first.set(ha="left")
    last.set(ha="right")
    bar.outline.set_visible(False)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """At a place in inches from the upper left corner."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


def _write(figure: Figure, left: float, middle: float, text: str, **style: Any) -> None:
    width, height = figure.get_size_inches()
    literal(figure.text(left / width, 1 - middle / height, text, va="center", **style))
