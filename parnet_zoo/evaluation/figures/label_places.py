"""Where labels go beside their points, so that none covers another or a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians, sin
from typing import TYPE_CHECKING

from parnet_zoo.evaluation.figures.canvas import GREY, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

_SIZE = 9.5
_ANGLES = (20, 160, -20, -160, 60, 120, -60, -120, 90, -90, 0, 180)
_DISTANCES = (11, 22, 36, 54, 76, 104, 140)
"""In pixels, the near ones first."""
_FAR = 22
_MARGIN = 2.0
_POINT, _LINE = 6.0, 1.5


@dataclass(frozen=True)
class _Place:
    """Of a label beside its point, in pixels."""

    right: float
    up: float
    across: str
    upright: str

    @property
    def far(self) -> bool:
        return hypot(self.right, self.up) > _FAR


def place_labels(
    axes: Axes,
    labels: Sequence[str],
    points: Sequence[tuple[float, float]],
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
) -> None:
    """Write each label near its point, with a thin line where it had to go far.

    The axes must have their final limits and size: the figure is laid out here, and its layout is
    frozen.

    Args:
        axes: Where the points are drawn.
        labels: One for each point.
        points: In data coordinates.
        lines: Horizontal and vertical ones that are not to be covered, likewise, from and to.
    """
    figure = axes.figure.get_figure(root=True)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    taken = [_around(axes, point, point, _POINT) for point in points]
    taken += [_around(axes, start, end, _LINE) for start, end in lines]
    for label, point in zip(labels, points, strict=True):
        taken.append(_place(axes, label, point, taken))


def _place(axes: Axes, label: str, point: tuple[float, float], taken: Sequence[Bbox]) -> Bbox:
    """Write one label where it covers nothing, or else the least."""
    best: tuple[float, _Place] | None = None
    for place in _places():
        cost = _cost(axes, _box(axes, label, point, place), taken)
        if best is None or cost < best[0]:
            best = cost, place
        if cost == 0:
            break
    assert best is not None  # there are places  # noqa: S101
    return _box(axes, label, point, best[1], keep=True)


def _places() -> Iterator[_Place]:
    for distance in _DISTANCES:
        for angle in _ANGLES:
            right, up = distance * cos(radians(angle)), distance * sin(radians(angle))
            across = "center" if abs(angle) == 90 else "left" if right > 0 else "right"  # noqa: PLR2004
            upright = "center" if abs(up) < distance / 2 else "bottom" if up > 0 else "top"
            yield _Place(right, up, across, upright)


def _cost(axes: Axes, box: Bbox, taken: Sequence[Bbox]) -> float:
    """How much is covered, or sticks out of the axes, in square pixels."""
    inside = axes.bbox
    width = max(0.0, inside.x0 - box.x0) + max(0.0, box.x1 - inside.x1)
    height = max(0.0, inside.y0 - box.y0) + max(0.0, box.y1 - inside.y1)
    outside = width * box.height + height * box.width
    return float(outside) + sum(_overlap(box, other) for other in taken)


def _overlap(one: Bbox, other: Bbox) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(0.0, width) * max(0.0, height))


def _box(
    axes: Axes, label: str, point: tuple[float, float], place: _Place, *, keep: bool = False
) -> Bbox:
    """Write a label, and say what it takes; without `keep`, it is taken away again."""
    from matplotlib.patheffects import withStroke

    scale = 72 / axes.figure.get_figure(root=True).dpi
    arrow = {"arrowstyle": "-", "color": GREY, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
    text = axes.annotate(
        label, point, xytext=(place.right * scale, place.up * scale),
        textcoords="offset points", ha=place.across, va=place.upright, fontsize=_SIZE,
        arrowprops=arrow if keep and place.far else None, zorder=5,
    )  # fmt: skip
    # The line of the front may run behind it.
    literal(text).set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    box = text.get_window_extent().padded(_MARGIN)
    if not keep:
        text.remove()
    return box


def _around(axes: Axes, start: tuple[float, float], end: tuple[float, float], room: float) -> Bbox:
    from matplotlib.transforms import Bbox

    (x0, y0), (x1, y1) = axes.transData.transform([start, end])
    return Bbox.from_extents(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)).padded(room)
