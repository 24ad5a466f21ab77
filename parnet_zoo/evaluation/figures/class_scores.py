"""Precision and recall of every class, the weakest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.evaluation.figures.canvas import (
    BLUE,
    GREY,
    ORANGE,
    calm,
    literal,
    new_figure,
    save,
    shorten,
)
from parnet_zoo.evaluation.report import ClassScores, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES = 40
"""Of more classes the weakest are drawn."""
_NAME_CHARACTERS = 28
_ROW = 0.27


def class_scores(report: Report, path: Path, title: str = "Precision and recall") -> None:
    """Draw precision and recall of each class, sorted by F1; of many classes the 40 weakest.

    Args:
        report: Of the classes; those without images in it are left out.
        path: The PNG file.
        title: What was judged.

    Raises:
        ValueError: No class has an image.
    """
    figure = new_figure(7.6, class_scores_height(report))
    draw_class_scores(figure.add_subplot(), report, title)
    save(figure, path)


def class_scores_height(report: Report) -> float:
    """Inches that all its rows take."""
    rows = min(sum(scores.images > 0 for scores in report.classes), MOST_CLASSES)
    return 1.75 + _ROW * max(rows, 3)


def draw_class_scores(axes: Axes, report: Report, title: str) -> None:
    """Draw the same into a part of a figure.

    Raises:
        ValueError: No class has an image.
    """
    judged = [scores for scores in report.classes if scores.images]
    if not judged:
        raise ValueError("no class has an image")
    weakest = sorted(judged, key=lambda scores: scores.f1)[:MOST_CLASSES]
    _dots(axes, weakest)
    _average(axes, report.average, len(weakest))
    _names(axes, weakest)
    lowest = min(min(scores.precision, scores.recall) for scores in weakest)
    left = _left_end(min(lowest, report.average.f1))
    axes.set_xlim(left, 1 + 0.025 * (1 - left))  # room for half a dot at 1
    axes.set_xlabel("precision, recall")
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    literal(axes.set_title(_heading(title, weakest, judged), fontsize=11))


def _heading(title: str, drawn: Sequence[ClassScores], judged: Sequence[ClassScores]) -> str:
    if len(drawn) == len(judged):
        return f"{shorten(title, 70)}\nthe weakest class first, by F1"
    return f"{shorten(title, 70)}\nthe {len(drawn)} weakest of {len(judged):,} classes"


def _dots(axes: Axes, rows: Sequence[ClassScores]) -> None:
    places = range(len(rows))
    precision, recall = [s.precision for s in rows], [s.recall for s in rows]
    axes.hlines(places, precision, recall, color="#BBBBBB", linewidth=2.5, zorder=2)
    # A dot at 1 is drawn whole.
    axes.plot(
        precision, places, "o", color=BLUE, markersize=7, label="precision", zorder=3,
        clip_on=False,
    )  # fmt: skip
    # Hollow and larger, so that both are seen where they are equal.
    axes.plot(
        recall, places, "o", color=ORANGE, markersize=10, markerfacecolor="none",
        markeredgewidth=1.8, label="recall", zorder=4, clip_on=False,
    )  # fmt: skip
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _average(axes: Axes, average: ClassScores, rows: int) -> None:
    label = f"mean F1 of all classes: {average.f1:.3f}"
    axes.vlines(average.f1, -0.6, rows, color=GREY, linewidth=1, linestyle=":", label=label)


def _names(axes: Axes, rows: Sequence[ClassScores]) -> None:
    calm(axes)
    names = [f"{shorten(s.name, _NAME_CHARACTERS)}  ({s.images:,})" for s in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=9)
    for label in axes.get_yticklabels():
        literal(label)
    axes.set_ylabel("class (its images)")


def _left_end(lowest: float) -> float:
    """A round number below all that is drawn: without bars, the axis need not begin at 0."""
    step = 0.1 if lowest < 0.9 else 0.02  # noqa: PLR2004  # finer where everything is good
    return max(-0.02, step * int(lowest / step) - step / 2)
