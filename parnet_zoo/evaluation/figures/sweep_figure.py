"""Which values of what was varied win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

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

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3
_CHARACTERS = 24
_MOST_ACROSS = 26
"""Characters of a panel's choices that fit beside each other."""


@dataclass(frozen=True)
class SweepField:
    """One field that was varied.

    Attributes:
        name: Dotted.
        choices: In the order of their places; empty for a range of numbers.
        log: Whether the range is one of magnitudes.
    """

    name: str
    choices: tuple[str, ...] = ()
    log: bool = False


@dataclass(frozen=True)
class SweepPoint:
    """One trial that has begun.

    Attributes:
        number: From 0.
        state: How far it is.
        value: What it reached; None for nothing yet.
        places: For each field the number, or the place of the choice.
    """

    number: int
    state: Literal["finished", "pruned", "failed", "open"]
    value: float | None
    places: tuple[float, ...]


def sweep_figure(
    points: Sequence[SweepPoint],
    fields: Sequence[SweepField],
    *,
    metric: str,
    maximise: bool,
    best: int | None,
    path: Path,
) -> None:
    """Draw the metric of every trial, and against the values of every field.

    Args:
        points: The trials that have begun.
        fields: What was varied.
        metric: Its name.
        maximise: Whether more of it is better.
        best: Number of the best trial, which is marked.
        path: The PNG file.
    """
    columns = min(_COLUMNS, len(fields))
    rows = -(-len(fields) // columns)
    figure = new_figure(max(4.2 * columns, 6.4), 3.1 + 3.1 * rows)
    grid = figure.add_gridspec(1 + rows, columns)
    drawn = [point for point in points if point.value is not None and np.isfinite(point.value)]
    top = figure.add_subplot(grid[0, :])
    _by_number(top, points, drawn, maximise=maximise, best=best)
    for place, field in enumerate(fields):
        axes = figure.add_subplot(grid[1 + place // columns, place % columns], sharey=top)
        _by_field(axes, drawn, field, place, best=best, maximise=maximise)
    for axes in figure.axes:
        calm(axes)
        axes.set_ylabel(metric)
    better = "higher" if maximise else "lower"
    literal(figure.suptitle(_title(points, drawn, metric, better, best), fontsize=11))
    save(figure, path)


def _title(
    points: Sequence[SweepPoint],
    drawn: Sequence[SweepPoint],
    metric: str,
    better: str,
    best: int | None,
) -> str:
    counts = [
        f"{sum(point.state == state for point in points)} {state}"
        for state in ("finished", "pruned", "failed", "open")
        if any(point.state == state for point in points)
    ]
    title = f"Sweep: {', '.join(counts) or 'no trial yet'} ({metric}: {better} is better)"
    reached = next((point.value for point in drawn if point.number == best), None)
    return title if reached is None else f"{title}\nbest: trial {best}, {reached:.4f}"


def _by_number(
    axes: Axes,
    points: Sequence[SweepPoint],
    drawn: Sequence[SweepPoint],
    *,
    maximise: bool,
    best: int | None,
) -> None:
    from matplotlib.ticker import MaxNLocator

    _scatter(axes, drawn, [point.number for point in drawn], best)
    finished = [point for point in drawn if point.state == "finished"]
    if len(finished) > 1:
        values = np.asarray([point.value for point in finished], dtype=float)
        so_far = (np.maximum if maximise else np.minimum).accumulate(values)
        numbers = [point.number for point in finished]
        axes.step(
            numbers, so_far, where="post", color=GREY, linewidth=1, zorder=1, label="best so far"
        )
    for number, point in enumerate(p for p in points if p.state == "failed"):
        axes.axvline(
            point.number,
            color=ORANGE,
            linewidth=1,
            linestyle=":",
            label=None if number else "failed",
        )
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=8, loc="best")


def _by_field(
    axes: Axes,
    drawn: Sequence[SweepPoint],
    field: SweepField,
    place: int,
    *,
    best: int | None,
    maximise: bool,
) -> None:
    places = [point.places[place] for point in drawn]
    if field.choices:
        _choices(axes, drawn, places, field.choices, maximise=maximise)
    elif field.log:
        axes.set_xscale("log")
    # Side by side where trials have the same choice.
    spread = _spread(places) if field.choices else places
    _scatter(axes, drawn, spread, best)
    literal(axes.set_xlabel(shorten(field.name, 44)))


def _choices(
    axes: Axes,
    drawn: Sequence[SweepPoint],
    places: Sequence[float],
    choices: Sequence[str],
    *,
    maximise: bool,
) -> None:
    """Name the choices, with a bar at the mean and a stronger one at the best of each."""
    names = [shorten(choice, _CHARACTERS) for choice in choices]
    upright = sum(map(len, names)) > _MOST_ACROSS
    axes.set_xticks(range(len(names)), names, rotation=30 if upright else 0)
    for label in axes.get_xticklabels():
        literal(label).set(fontsize=8, ha="right" if upright else "center")
    axes.set_xlim(-0.6, len(names) - 0.4)
    for choice in range(len(names)):
        values = [
            point.value
            for point, where in zip(drawn, places, strict=True)
            if where == choice and point.state == "finished" and point.value is not None
        ]
        if values:
            mean, top = float(np.mean(values)), (max if maximise else min)(values)
            axes.hlines(mean, choice - 0.32, choice + 0.32, color=GREY, linewidth=1)
            axes.hlines(top, choice - 0.32, choice + 0.32, color=BLUE, linewidth=2, alpha=0.5)
            axes.annotate(
                f"mean {mean:.3f}",
                (choice, mean),
                xytext=(0, -11 if maximise else 4),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=GREY,
            )


def _spread(places: Sequence[float]) -> list[float]:
    seen: dict[float, int] = {}
    counts = {place: list(places).count(place) for place in places}
    found = []
    for place in places:
        number = seen[place] = seen.get(place, -1) + 1
        width = 0.44 * (number / max(counts[place] - 1, 1) - 0.5) if counts[place] > 1 else 0.0
        found.append(place + width)
    return found


def _scatter(
    axes: Axes, drawn: Sequence[SweepPoint], across: Sequence[float], best: int | None
) -> None:
    """Filled: finished; hollow: given up or not at its end; orange with its number: the best."""
    kinds = (
        ("finished", BLUE, BLUE, "finished"),
        ("pruned", "white", GREY, "pruned (its best until then)"),
        ("open", "white", BLUE, "in work"),
    )
    for state, face, edge, label in kinds:
        chosen = [place for place, point in enumerate(drawn) if point.state == state]
        if chosen:
            axes.scatter(
                [across[place] for place in chosen],
                [drawn[place].value or 0.0 for place in chosen],
                facecolors=face,
                edgecolors=edge,
                s=34,
                zorder=3,
                label=label,
            )
    for place, point in enumerate(drawn):
        if point.number == best and point.value is not None:
            axes.scatter(
                [across[place]], [point.value], color=ORANGE, s=80, zorder=4, marker="*",
                label="best",
            )  # fmt: skip
