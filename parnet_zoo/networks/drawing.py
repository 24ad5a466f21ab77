"""A drawing of a ParNet's streams, made from its spec."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from parnet_zoo.networks.spec import ParNetSpec
from parnet_zoo.networks.topology import IMAGE, BlockPlan, Topology, topology

COLUMN, ROW = 84, 96
BOX_WIDTH, BOX_HEIGHT = 64, 44
MARGIN, TITLE, LEGEND = 16, 34, 34
FILLS = {"downsample": "#cfe3f5", "stream": "#dff0d3", "fusion": "#f7dcc4", "end": "#eeeeee"}
LEGENDS = {
    "downsample": "downsampling block: 3x3 + 1x1, gated",
    "stream": "RepVGG-SSE block: 3x3 + 1x1 + gated identity",
    "fusion": "fusion block: two maps, two groups",
}


@dataclass(frozen=True)
class _Box:
    """One box: its place in the grid and what stands in it."""

    column: int
    row: int
    kind: str
    title: str
    detail: str
    tag: str = ""

    @property
    def x(self) -> int:
        return MARGIN + self.column * COLUMN

    @property
    def y(self) -> int:
        return TITLE + MARGIN + self.row * ROW


def drawing(spec: ParNetSpec) -> str:
    """Draw the blocks of a network, their widths, map sizes and pyramid levels.

    Args:
        spec: Any ParNet spec; map sizes are those at its resolution.

    Returns:
        An SVG document. Streams are rows, and time runs from left to right; `P3` marks the map with
        stride 2^3 that the backbone gives to detectors.
    """
    wiring = topology(spec.scaling)
    boxes = _boxes(spec, wiring)
    width = 2 * MARGIN + (max(box.column for box in boxes.values()) + 1) * COLUMN
    height = TITLE + 2 * MARGIN + spec.scaling.branches * ROW + LEGEND
    lines = [_edge(boxes[source], boxes[target]) for source, target in _edges(wiring)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" font-family="Helvetica, Arial, sans-serif"'
            ' text-anchor="middle">',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            f'<text x="{MARGIN}" y="{MARGIN + 10}" font-size="15" font-weight="bold"'
            f' text-anchor="start">{escape(_headline(spec))}</text>',
            *lines,
            *(_drawn(box) for box in boxes.values()),
            *_legend(height, {box.kind for box in boxes.values()}),
            "</svg>\n",
        ]
    )


def _headline(spec: ParNetSpec) -> str:
    return f"{spec.name}: {spec.depth} layers deep, at {spec.resolution} pixels"


def _boxes(spec: ParNetSpec, wiring: Topology) -> dict[str, _Box]:
    """Every block in its stream's row, one column after the last of those that it reads."""
    side, last = spec.resolution, spec.scaling.branches - 1
    levels = {name: f"P{level}" for level, name in wiring.pyramid.items()}
    image = f"{side} x {side}"
    boxes = {IMAGE: _Box(0, 0, "end", "image", f"{spec.scaling.in_channels} ch, {image}")}
    for plan in wiring.blocks:
        column = 1 + max(boxes[source].column for source in plan.inputs)
        size = side // plan.scale
        boxes[plan.name] = _Box(
            column,
            _row(plan, last),
            plan.kind,
            _title(plan),
            f"{plan.out_channels} ch, {size} x {size}",
            levels.get(plan.name, ""),
        )
    final = boxes[wiring.blocks[-1].name]
    boxes["head"] = _Box(final.column + 1, final.row, "end", "head", "pool, dense")
    return boxes


def _row(plan: BlockPlan, last: int) -> int:
    """The stream that a block belongs to; the stem stands with the first, the end with the last."""
    kind, _, rest = plan.name.partition("_")
    if kind == "stem":
        return 0
    return last if kind == "final" else int(rest.partition("_")[0])


def _title(plan: BlockPlan) -> str:
    return "SSE" if plan.kind == "stream" else plan.name.replace("_", " ")


def _edges(wiring: Topology) -> list[tuple[str, str]]:
    edges = [(source, plan.name) for plan in wiring.blocks for source in plan.inputs]
    return [*edges, (wiring.blocks[-1].name, "head")]


def _edge(source: _Box, target: _Box) -> str:
    """A line that leaves to the right and turns just before its target."""
    x0, y0 = source.x + BOX_WIDTH, source.y + BOX_HEIGHT // 2
    x1, y1 = target.x, target.y + BOX_HEIGHT // 2
    turn = x1 - (COLUMN - BOX_WIDTH) // 2
    return (
        f'<path d="M{x0} {y0}H{turn}V{y1}H{x1 - 5}" fill="none" stroke="#555555"/>'
        f'<path d="M{x1} {y1}l-6 -3.5v7z" fill="#555555"/>'
    )


def _drawn(box: _Box) -> str:
    middle = box.x + BOX_WIDTH // 2
    parts = [
        f'<rect x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"'
        f' fill="{FILLS[box.kind]}" stroke="#555555"/>',
        f'<text x="{middle}" y="{box.y + 27}" font-size="13">{escape(box.title)}</text>',
        f'<text x="{middle}" y="{box.y + BOX_HEIGHT + 14}" font-size="9.5">'
        f"{escape(box.detail)}</text>",
    ]
    if box.tag:
        parts.append(
            f'<text x="{box.x + BOX_WIDTH - 4}" y="{box.y - 5}" font-size="11"'
            f' font-weight="bold" fill="#b03010" text-anchor="end">{box.tag}</text>'
        )
    return "\n".join(parts)


def _legend(height: int, kinds: set[str]) -> list[str]:
    lines = []
    shown = {kind: text for kind, text in LEGENDS.items() if kind in kinds}
    for index, (kind, text) in enumerate(shown.items()):
        x, y = MARGIN + index * 300, height - LEGEND
        lines += [
            f'<rect x="{x}" y="{y}" width="16" height="16" rx="3" fill="{FILLS[kind]}"'
            ' stroke="#555555"/>',
            f'<text x="{x + 22}" y="{y + 12}" font-size="12" text-anchor="start">'
            f"{escape(text)}</text>",
        ]
    return lines
