"""Which classes are taken for which."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parnet_zoo.evaluation.figures.canvas import literal, new_figure, save, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_WITH_NUMBERS = 25
_MOST_LABELS = 100
_NAME_CHARACTERS = 22
_DARK = 0.55
_LARGEST_INCHES = 14.0
_TICKS = (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1)


def confusion_matrix(matrix: ArrayLike, classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix: colours are fractions of the true class, numbers are counts.

    Up to 25 classes the counts are written into the fields; up to 100 every class is named.

    Args:
        matrix: (classes, classes) counts, true classes in rows.
        classes: The names.
        path: The PNG file.

    Raises:
        ValueError: The matrix does not fit the names.
    """
    from matplotlib.colors import PowerNorm

    counts = np.asarray(matrix, dtype=np.int64)
    if counts.shape != (len(classes), len(classes)) or not classes:
        raise ValueError(f"a matrix of shape {counts.shape} for {len(classes)} classes")
    images = counts.sum(axis=1, keepdims=True)
    fractions = counts / np.maximum(images, 1)
    many = len(classes) > _MOST_WITH_NUMBERS
    side = min(3.2 + (0.13 if many else 0.5) * len(classes), _LARGEST_INCHES)
    figure = new_figure(side + 1.4, side + 0.6, layout="compressed")
    axes = figure.add_subplot()
    # Among many classes each confusion is rare: a square root makes them visible.
    norm = PowerNorm(0.5 if many else 1, vmin=0, vmax=1)
    picture = axes.imshow(fractions, cmap="Blues", norm=norm)
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, aspect=30, ticks=_TICKS)
    bar.set_label("fraction of the true class" + (" (square-root colours)" if many else ""))
    _names(axes, classes)
    if not many:
        _numbers(axes, counts, fractions)
    total = int(counts.sum())
    accuracy = np.trace(counts) / total if total else 0.0
    axes.set_title(f"Confusion matrix: {total:,} images, accuracy {accuracy:.1%}")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    save(figure, path)


def _names(axes: "Axes", classes: Sequence[str]) -> None:
    every = -(-len(classes) // _MOST_LABELS)
    places = range(0, len(classes), every)
    names = [shorten(classes[place], _NAME_CHARACTERS) for place in places]
    size = 10 if len(classes) <= _MOST_WITH_NUMBERS else 6.5
    long = max(len(name) for name in names) * len(names) > 40  # noqa: PLR2004  # characters across
    axes.set_xticks(places, names, rotation=90 if long else 0, fontsize=size)
    axes.set_yticks(places, names, fontsize=size)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        literal(label)


def _numbers(axes: "Axes", counts: NDArray[np.int64], fractions: NDArray[np.float64]) -> None:
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            axes.text(
                column,
                row,
                f"{counts[row, column]}",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if fractions[row, column] > _DARK else "black",
            )
