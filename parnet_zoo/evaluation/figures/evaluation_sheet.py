"""A whole evaluation on one sheet: classes, reliability, robustness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.evaluation.corruptions import Corruption
from parnet_zoo.evaluation.figures.canvas import (
    BLUE,
    GREY,
    calm,
    literal,
    new_figure,
    save,
    shorten,
)
from parnet_zoo.evaluation.figures.class_scores import class_scores_height, draw_class_scores
from parnet_zoo.evaluation.figures.reliability import draw_reliability
from parnet_zoo.evaluation.report import Report
from parnet_zoo.evaluation.temperature_scaling import Calibration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_HEAD, _RELIABILITY, _ROBUSTNESS = 0.5, 5.8, 3.1
_CLASSES, _RIGHT = 6.0, 10.6
_ROOM = 0.16
"""Below the lowest point for its number, as a part of what is drawn."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is drawn.

    Attributes:
        title: Of the whole.
        report: Of the classes that have images.
        calibration: None: nothing is drawn.
        robustness: Top-1 accuracy at each strength; empty: nothing is drawn.
    """

    title: str
    report: Report
    calibration: Calibration | None
    robustness: Sequence[tuple[Corruption, float]]


def evaluation_sheet(sheet: Sheet, path: Path) -> None:
    """Draw precision and recall of the classes, and, where there are any, the other two.

    Args:
        sheet: What to draw.
        path: The PNG file.
    """
    panels = _panels(sheet)
    classes = class_scores_height(sheet.report)
    # Beside many classes there is room for both panels, beside a few for one.
    below = [panels.pop()] if len(panels) > 1 and classes <= panels[0].height else []
    top = max(classes, sum(panel.height for panel in panels))
    heights = [top, *(panel.height for panel in below)]
    figure = new_figure(_CLASSES + (_RIGHT if panels else 1.6), _HEAD + sum(heights))
    literal(figure.suptitle(shorten(sheet.title, 150), fontsize=13, fontweight="bold"))
    first, *others = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _top(first, sheet.report, panels)
    for part, panel in zip(others, below, strict=True):
        panel.draw(part)
    save(figure, path)


@dataclass(frozen=True)
class _Panel:
    """A part of the sheet; height in inches."""

    height: float
    draw: Callable[[SubFigure], None]


def _panels(sheet: Sheet) -> list[_Panel]:
    panels = []
    if (calibration := sheet.calibration) is not None:
        panels.append(_Panel(_RELIABILITY, lambda part: draw_reliability(part, calibration)))
    if sheet.robustness:
        panels.append(_Panel(_ROBUSTNESS, lambda part: _robustness(part, sheet)))
    return panels


def _top(part: SubFigure, report: Report, panels: Sequence[_Panel]) -> None:
    """The classes, and panels one above the other beside them."""
    if not panels:
        draw_class_scores(part.add_subplot(), report, "Classes")
        return
    left, right = part.subfigures(1, 2, width_ratios=[_CLASSES, _RIGHT], squeeze=False)[0]
    draw_class_scores(left.add_subplot(), report, "Classes")
    heights = [panel.height for panel in panels]
    parts = right.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for one, panel in zip(parts, panels, strict=True):
        panel.draw(one)


def _robustness(part: SubFigure, sheet: Sheet) -> None:
    kinds = [list(group) for _, group in groupby(sheet.robustness, key=lambda row: row[0].kind)]
    lowest = min(sheet.report.accuracy, *(top1 for _, top1 in sheet.robustness))
    clean, span = sheet.report.accuracy, max(1 - lowest, 0.05)
    all_axes = part.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, rows in zip(all_axes, kinds, strict=True):
        _kind(axes, rows, clean)
        axes.set_ylim(lowest - _ROOM * span, 1 + 0.04 * span)
    all_axes[0].set_ylabel("top-1 accuracy")
    all_axes[0].legend(
        loc="lower left", frameon=True, framealpha=0.85, edgecolor="none", fontsize=8.5
    )


def _kind(axes: Axes, rows: Sequence[tuple[Corruption, float]], clean: float) -> None:
    from matplotlib.patheffects import withStroke

    strengths = [corruption.strength for corruption, _ in rows]
    places = range(len(rows))  # each strength about twice the one before: even steps
    axes.axhline(clean, color=GREY, linestyle="--", linewidth=1, label=f"as it is: {clean:.3f}")
    axes.plot(places, [top1 for _, top1 in rows], "o-", color=BLUE, markersize=6)
    for place, (_, top1) in zip(places, rows, strict=True):
        number = axes.annotate(
            f"{top1:.3f}", (place, top1), xytext=(0, -14), textcoords="offset points",
            ha="center", fontsize=8,
        )  # fmt: skip
        number.set_path_effects([withStroke(linewidth=2, foreground="white")])
    axes.set_xticks(places, [f"{strength:g}" for strength in strengths])
    axes.set_xlim(-0.4, len(rows) - 0.6)
    axes.set_title(rows[0][0].kind, fontsize=11)
    axes.set_xlabel(rows[0][0].unit, fontsize=9)
    calm(axes)
