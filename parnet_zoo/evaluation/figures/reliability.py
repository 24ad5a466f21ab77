"""Whether a network is right as often as it says, before and after temperature scaling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.calibration import COLDEST, HOTTEST, Bins
from parnet_zoo.evaluation.figures.canvas import BLUE, GREEN, GREY, calm, new_figure, save
from parnet_zoo.evaluation.temperature_scaling import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

_Z = 1.96
_MANY = 10
"""Images of a bin that say something."""
_YELLOW = "#E69F00"
_NEAR_BOUND = 1.001


def reliability_diagram(calibration: Calibration, path: Path) -> None:
    """Draw accuracy over confidence, as the network says and at its temperature.

    Args:
        calibration: What was measured.
        path: The PNG file.
    """
    figure = new_figure(10.4, 6.3)
    draw_reliability(figure, calibration)
    save(figure, path)


def draw_reliability(figure: Figure | SubFigure, calibration: Calibration) -> None:
    """Draw the same into an empty figure, or into a part of one."""
    figure.supxlabel(_note(calibration), fontsize=9, color=GREY)
    figure.legend(handles=_legend(), loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    grid = figure.add_gridspec(2, 2, height_ratios=[3.2, 1])
    first = min(calibration.before.first, calibration.after.first)
    sides = (
        (calibration.before, f"As the network says: ECE {calibration.ece:.4f}", BLUE),
        (
            calibration.after,
            f"At temperature {calibration.temperature:.3g}: ECE {calibration.ece_calibrated:.4f}",
            GREEN,
        ),
    )
    for column, (bins, title, colour) in enumerate(sides):
        above, below = (figure.add_subplot(grid[row, column]) for row in (0, 1))
        above.set_title(title, fontsize=11)
        _accuracy(above, bins, colour)
        _images(below, bins, colour)
        for axes in (above, below):
            calm(axes)
            axes.set_xlim(bins.edges[first] - 0.015, 1.015)


def _note(calibration: Calibration) -> str:
    c = calibration
    if c.same_images:
        note = (
            f"temperature fitted and measured on the same {c.measured_images:,} {c.measured_on}"
            " images: the right side is better than it would be on new ones"
        )
    else:
        note = (
            f"temperature fitted on {c.fitted_images:,} {c.fitted_on} images, measured on"
            f" {c.measured_images:,} {c.measured_on} images"
        )
    if c.temperature < COLDEST * _NEAR_BOUND:
        note += "\nthis is the coldest that is looked for: every image it was fitted on is right"
    elif c.temperature > HOTTEST / _NEAR_BOUND:
        note += "\nthis is the hottest that is looked for: its probabilities say next to nothing"
    return note


def _accuracy(axes: Axes, bins: Bins, colour: str) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    for many in (False, True):
        filled = (bins.images >= _MANY) if many else (bins.images > 0) & (bins.images < _MANY)
        sure, right = bins.confidence[filled], bins.accuracy[filled]
        low, high = _interval(right, bins.images[filled])
        axes.vlines(
            sure, sure, right, color=_YELLOW, linewidth=4, alpha=1 if many else 0.35, zorder=2
        )
        axes.errorbar(
            sure, right, yerr=np.stack((right - low, high - right)), fmt="o", color=colour,
            markersize=6, elinewidth=1, capsize=2.5, zorder=3,
            markerfacecolor=colour if many else "white", alpha=1 if many else 0.6,
        )  # fmt: skip
    axes.set_ylabel("fraction that is right")
    axes.set_ylim(-0.03, 1.03)


def _legend() -> list[Line2D]:
    from matplotlib.lines import Line2D

    hollow = f"fewer than {_MANY} images"
    dot = Line2D(
        [], [], color="black", linestyle="none", marker="o", label="accuracy, 95% interval"
    )
    few = Line2D([], [], color="black", linestyle="none", marker="o", label=hollow)
    few.set_markerfacecolor("white")
    line = Line2D([], [], color=GREY, linestyle="--", label="perfectly reliable")
    return [line, dot, few, Line2D([], [], color=_YELLOW, linewidth=4, label="gap")]


def _images(axes: Axes, bins: Bins, colour: str) -> None:
    width = np.diff(bins.edges)
    axes.bar(bins.edges[:-1], bins.images, width * 0.94, align="edge", color=colour, alpha=0.55)
    axes.set_xlabel("probability of the answer")
    axes.set_ylabel("images")
    if bins.images.max() > 20 * max(1, np.median(bins.images[bins.images > 0])):
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(bottom=0)


def _interval(
    right: NDArray[np.float64], images: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's 95% interval of a fraction, which is sensible for few images too."""
    share = _Z**2 / images
    middle = (right + share / 2) / (1 + share)
    half = _Z * np.sqrt(right * (1 - right) / images + share / (4 * images)) / (1 + share)
    # Rounding may put an end of the interval on the wrong side of the fraction itself.
    return np.minimum(middle - half, right), np.maximum(middle + half, right)
