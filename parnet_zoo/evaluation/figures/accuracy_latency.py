"""What accuracy costs in milliseconds: the plot by which a network is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.evaluation.figures.canvas import (
    BLUE,
    GREEN,
    GREY,
    calm,
    literal,
    new_figure,
    save,
    shorten,
)
from parnet_zoo.evaluation.figures.label_places import place_labels
from parnet_zoo.evaluation.pareto import pareto_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAME_CHARACTERS = 38
_LOGARITHMIC_FROM = 5.0
"""Slowest over fastest: with more, the fast ones would lie upon each other."""
_LEAST_SPAN = 0.02


@dataclass(frozen=True)
class NetworkPoint:
    """One network.

    Attributes:
        name: Its label.
        milliseconds: For one image.
        accuracy: Top-1, 0 to 1.
    """

    name: str
    milliseconds: float
    accuracy: float


def accuracy_against_latency(
    points: Sequence[NetworkPoint], path: Path, *, measured: str, title: str
) -> None:
    """Draw accuracy over milliseconds; networks that no other beats in both are joined by a line.

    Args:
        points: The networks.
        path: The PNG file.
        measured: What the accuracy is, such as "test accuracy".
        title: What all of them were measured on.

    Raises:
        ValueError: There is nothing to draw.
    """
    if not points:
        raise ValueError("there is no network to draw")
    figure = new_figure(8.6, 5.6)
    axes = figure.add_subplot()
    front = [points[i] for i in pareto_front([(p.milliseconds, p.accuracy) for p in points])]
    _limits(axes, points)
    _draw(axes, points, front)
    axes.set_xlabel("milliseconds for one image on the CPU (median; decoding not counted)")
    axes.set_ylabel(measured)
    literal(axes.set_title(shorten(title, 100), fontsize=11))
    calm(axes)
    # What lies outside the axes needs no room for labels; below them it covers no point.
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    names = [shorten(point.name, _NAME_CHARACTERS) for point in points]
    place_labels(axes, names, [(p.milliseconds, p.accuracy) for p in points], _steps(front))
    save(figure, path)


def _steps(
    front: Sequence[NetworkPoint],
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The pieces of the front's line: along, then up."""
    lines = []
    for one, other in pairwise(front):
        corner = (other.milliseconds, one.accuracy)
        lines.append(((one.milliseconds, one.accuracy), corner))
        lines.append((corner, (other.milliseconds, other.accuracy)))
    return lines


def _limits(axes: Axes, points: Sequence[NetworkPoint]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    times = [point.milliseconds for point in points]
    fast, slow = min(times), max(times)
    if slow / fast > _LOGARITHMIC_FROM:
        axes.set_xscale("log")
        axes.set_xlim(fast / (slow / fast) ** 0.12, slow * (slow / fast) ** 0.16)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, slow * 1.25)
    accuracies = [point.accuracy for point in points]
    span = max(max(accuracies) - min(accuracies), _LEAST_SPAN)
    low, high = min(accuracies) - 0.2 * span, max(accuracies) + 0.2 * span
    axes.set_ylim(max(low, -0.06 * span), min(high, 1 + 0.06 * span))


def _draw(axes: Axes, points: Sequence[NetworkPoint], front: Sequence[NetworkPoint]) -> None:
    beaten = [point for point in points if point not in front]
    axes.plot(
        [p.milliseconds for p in front], [p.accuracy for p in front], "o-", color=GREEN,
        markersize=8, linewidth=1.2, drawstyle="steps-post", zorder=4,
        label="Pareto front: none is faster and more accurate",
    )  # fmt: skip
    if beaten:
        axes.plot(
            [p.milliseconds for p in beaten], [p.accuracy for p in beaten], "o", color=BLUE,
            markerfacecolor="white", markeredgewidth=1.6, markersize=8, zorder=3,
            label="another is faster and at least as accurate",
        )  # fmt: skip
    axes.tick_params(colors=GREY, labelcolor="black")
