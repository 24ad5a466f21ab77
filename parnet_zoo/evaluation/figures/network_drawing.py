"""A network's stages: stem, streams side by side, fusion, head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.evaluation.figures.canvas import GREY, literal, new_figure, save, shorten
from parnet_zoo.networks.topology import IMAGE, BlockPlan, Topology
from parnet_zoo.networks.wiring import wiring
from registry import BackboneSpec, Cost

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = ("image", "stem_0", "stem_1", "enter", "stream", "merge", "final", "head")
_WIDE, _HIGH = 1.42, 0.74
_PITCH, _ROW, _EDGE, _HEAD, _FOOT = 1.82, 1.22, 0.2, 0.72, 0.5
_HEAD_NAME = "head"
# Paler forms of Okabe and Ito's colours, dark text on them.
_FILLS = {"downsample": "#CCE3F0", "stream": "#CCECE3", "fusion": "#F7DFCC", "end": "#EEEEEE"}
_KINDS = {
    "downsample": "downsampling block",
    "stream": "parallel stream",
    "fusion": "fusion of two maps",
    "end": "image, head",
}
_TITLE_CHARACTERS = 110


@dataclass(frozen=True)
class _Box:
    """A stage: its place, in columns and rows, and what is written in it."""

    column: int
    row: int
    kind: str
    lines: tuple[str, ...]

    @property
    def left(self) -> float:
        return _EDGE + self.column * _PITCH

    @property
    def top(self) -> float:
        return _HEAD + self.row * _ROW

    @property
    def middle(self) -> float:
        return self.top + _HIGH / 2


def network_drawing(
    spec: BackboneSpec, path: Path, *, classes: int, cost: Cost | None = None
) -> bool:
    """Draw the stages of a network with their blocks, channels and map sizes, from its spec alone.

    Args:
        spec: Map sizes are those at its resolution.
        path: The PNG file.
        classes: Of the head.
        cost: For the second line; None leaves it out.

    Returns:
        Whether it was drawn: a family without such a wiring, as the baselines are, is not.
    """
    from matplotlib.patches import FancyBboxPatch

    plan = wiring(spec)
    if plan is None:
        return False
    boxes = _boxes(spec, plan, classes)
    width = 2 * _EDGE + max(box.column for box in boxes.values()) * _PITCH + _WIDE
    height = _HEAD + max(box.row for box in boxes.values()) * _ROW + _HIGH + _FOOT
    figure = new_figure(width, height, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    for source, target in _edges(plan):
        _arrow(axes, boxes[source], boxes[target])
    for box in boxes.values():
        axes.add_patch(
            FancyBboxPatch(
                (box.left, box.top), _WIDE, _HIGH, "round,pad=0,rounding_size=0.07", zorder=3,
                facecolor=_FILLS[box.kind], edgecolor="#555555", linewidth=0.9,
            )
        )  # fmt: skip
        _words(axes, box)
    _titles(axes, spec, cost)
    _legend(axes, {box.kind for box in boxes.values()}, height)
    save(figure, path)
    return True


def _boxes(spec: BackboneSpec, plan: Topology, classes: int) -> dict[str, _Box]:
    ends = {stage: _block(plan, end) for stage, end in plan.stages.items()}
    kinds = [_column(stage) for stage in ends]
    columns = [name for name in _COLUMNS if name in (*kinds, IMAGE, _HEAD_NAME)]
    last = max((_number(stage) for stage in ends if _column(stage) == "stream"), default=0)
    first = plan.blocks[0]
    size = spec.resolution
    image = ("image", f"{first.in_channels} channels", f"{size} x {size} px")
    boxes = {IMAGE: _Box(0, 0, "end", image)}
    for stage, end in ends.items():
        row = last if stage == "final" else _number(stage) if "stem" not in stage else 0
        boxes[stage] = _Box(
            columns.index(_column(stage)), row, end.kind, _said(stage, end, plan, size)
        )
    pooled = "flatten, dense" if spec.fixed_resolution else "mean, dense"
    head = ("head", pooled, f"{classes:,} classes")
    boxes[_HEAD_NAME] = _Box(columns.index(_HEAD_NAME), boxes["final"].row, "end", head)
    return boxes


def _block(plan: Topology, name: str) -> BlockPlan:
    return next(block for block in plan.blocks if block.name == name)


def _column(stage: str) -> str:
    return stage if stage.startswith("stem") else stage.partition("_")[0]


def _number(stage: str) -> int:
    return int(stage.rpartition("_")[2]) if "_" in stage else 0


def _said(stage: str, end: BlockPlan, plan: Topology, size: int) -> tuple[str, ...]:
    blocks = [block for block in plan.blocks if block.name.startswith(f"{stage}_block_")]
    name = stage.replace("_", " ")
    if blocks:
        name += f": {len(blocks)} " + ("block" if len(blocks) == 1 else "blocks")
    side = size // end.scale
    return name, f"{end.out_channels:,} channels", f"{side} x {side}"


def _edges(plan: Topology) -> list[tuple[str, str]]:
    """From stage to stage, the image before and the head behind."""
    owner = {IMAGE: IMAGE}
    for block in plan.blocks:
        owner[block.name] = block.name.partition("_block_")[0]
    pairs = [(owner[source], owner[block.name]) for block in plan.blocks for source in block.inputs]
    joined = [(source, target) for source, target in dict.fromkeys(pairs) if source != target]
    return [*joined, ("final", _HEAD_NAME)]


def _arrow(axes: Axes, source: _Box, target: _Box) -> None:
    """To the right with one turn, or straight down."""
    if source.row == target.row:
        points = [(source.left + _WIDE, source.middle), (target.left, target.middle)]
    elif source.column == target.column:
        across = source.left + _WIDE / 2
        points = [(across, source.top + _HIGH), (across, target.top)]
    else:
        turn = source.left + _WIDE + (_PITCH - _WIDE) / 2
        start, end = (source.left + _WIDE, source.middle), (target.left, target.middle)
        points = [start, (turn, source.middle), (turn, target.middle), end]
    xs, ys = zip(*points, strict=True)
    axes.plot(xs[:-1], ys[:-1], color=GREY, linewidth=1.3, zorder=1, solid_joinstyle="round")
    axes.annotate(
        "", xy=points[-1], xytext=points[-2], zorder=2,
        arrowprops={"arrowstyle": "-|>", "color": GREY, "linewidth": 1.3, "shrinkA": 0,
                    "shrinkB": 0},
    )  # fmt: skip


def _words(axes: Axes, box: _Box) -> None:
    for number, text in enumerate(box.lines):
        axes.text(
            box.left + _WIDE / 2, box.top + _HIGH * (0.24 + 0.27 * number), text, ha="center",
            va="center", fontsize=8.5, fontweight="bold" if number == 0 else "normal", zorder=4,
        )  # fmt: skip


def _titles(axes: Axes, spec: BackboneSpec, cost: Cost | None) -> None:
    name = literal(axes.text(_EDGE, 0.2, shorten(spec.name, _TITLE_CHARACTERS)))
    name.set(fontsize=11, fontweight="bold", va="center")
    size = spec.resolution
    facts = [f"{spec.depth} layers deep"] if spec.depth else []
    facts.append(f"at {size} x {size} px")
    if cost is not None:
        facts.append(f"{cost.parameters / 1e6:,.2f} M parameters in training form")
        facts.append(f"{cost.multiply_adds / 1e9:,.3g} G multiply-adds an image")
    axes.text(_EDGE, 0.43, ", ".join(facts), fontsize=8.5, color=GREY, va="center")


def _legend(axes: Axes, kinds: set[str], height: float) -> None:
    left = _EDGE
    for kind, words in _KINDS.items():
        if kind not in kinds:
            continue
        axes.plot(
            left + 0.07, height - 0.2, "s", color=_FILLS[kind], markeredgecolor="#555555",
            markersize=9,
        )  # fmt: skip
        axes.text(left + 0.22, height - 0.2, words, fontsize=8.5, va="center")
        left += 1.75
