"""Loss, accuracy and learning rate over the epochs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parnet_zoo.evaluation.figures.canvas import BLUE, GREEN, GREY, ORANGE, calm, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKED_POINTS = 30
_MARKED_EPOCHS = 12
_PANELS = (("loss", "Loss"), ("accuracy", "Accuracy"))


def learning_curves(
    history: Mapping[str, Sequence[float]], path: Path, best_epoch: int | None = None
) -> None:
    """Draw how a training went.

    Args:
        history: Values by metric name, one an epoch: `loss`, `accuracy`, `val_loss`,
            `val_accuracy`, `learning_rate`; what is missing is left out.
        path: The PNG file.
        best_epoch: Which epoch to mark, counted from 1; by default that with the highest
            validation accuracy, or else the lowest validation loss.

    Raises:
        ValueError: There is nothing to draw.
    """
    drawn = {name: np.asarray(values, dtype=float) for name, values in history.items()}
    epochs = max((len(values) for values in drawn.values()), default=0)
    panels = [p for p in _PANELS if p[0] in drawn or f"val_{p[0]}" in drawn]
    if not panels or epochs == 0:
        raise ValueError("a history without epochs cannot be drawn")
    best = best_epoch or _best(drawn)
    rate = drawn.get("learning_rate")
    figure = new_figure(5.2 * len(panels), 4.0 if rate is None else 5.2)
    grid = figure.add_gridspec(
        1 if rate is None else 2, len(panels), height_ratios=[1] if rate is None else [3.4, 1]
    )
    for column, (metric, title) in enumerate(panels):
        _panel(figure.add_subplot(grid[0, column]), drawn, metric, title, best)
    if rate is not None:
        _rate(figure.add_subplot(grid[1, :]), rate, epochs)
    save(figure, path)


def _best(history: Mapping[str, Any]) -> int | None:
    for name, pick in (("val_accuracy", np.nanargmax), ("val_loss", np.nanargmin)):
        values = history.get(name)
        if values is not None and np.isfinite(values).any():
            return int(pick(np.where(np.isfinite(values), values, np.nan))) + 1
    return None


def _panel(
    axes: "Axes", history: Mapping[str, Any], metric: str, title: str, best: int | None
) -> None:
    for name, label, colour, dashes in (
        (metric, "training", BLUE, "--"),
        (f"val_{metric}", "validation", ORANGE, "-"),
    ):
        if name in history:
            _line(axes, history[name], label=label, color=colour, linestyle=dashes)
    if best is not None:
        axes.axvline(best, color=GREY, linewidth=1, linestyle=":", zorder=1)
        values = history.get(f"val_{metric}", history.get(metric))
        if values is not None and best <= len(values):
            label = f"best epoch {best}: {values[best - 1]:.4g}"
            axes.plot(
                best, values[best - 1], "*", color=ORANGE, markersize=13,
                markeredgecolor="black", markeredgewidth=0.6, label=label, linestyle="none",
            )  # fmt: skip
    axes.set_title(title)
    axes.set_ylabel(title.lower())
    _epochs(axes, max(len(history.get(n, ())) for n in (metric, f"val_{metric}")))
    axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)


def _rate(axes: "Axes", rate: Any, epochs: int) -> None:
    _line(axes, rate, color=GREEN)
    axes.set_ylabel("learning rate")
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    _epochs(axes, epochs)


def _line(axes: "Axes", values: Any, **style: Any) -> None:
    # A dot for every epoch is noise when they are many, and all there is when there is one.
    marker = "o" if len(values) <= _MARKED_POINTS else ""
    axes.plot(
        np.arange(1, len(values) + 1), values, marker=marker, markersize=4, linewidth=1.6, **style
    )


def _epochs(axes: "Axes", epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    calm(axes)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, epochs + max(0.5, 0.02 * epochs))  # there is no epoch 0
    if epochs <= _MARKED_EPOCHS:
        axes.set_xticks(range(1, epochs + 1))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, steps=[1, 2, 5, 10]))
