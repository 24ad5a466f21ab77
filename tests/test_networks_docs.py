"""docs/networks.md and its drawing say what the specs say; run as a program, this writes both."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import registry
from parnet_zoo.networks.drawing import drawing
from parnet_zoo.networks.spec import ParNetSpec
from parnet_zoo.networks.topology import topology

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "networks.md"
DRAWING = DOCS / "parnet_s.svg"
BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)<!-- /\1 -->", re.DOTALL)
PARNETS = ("parnet_s_release", "parnet_s", "parnet_m", "parnet_l", "parnet_xl")
BLOGS = ("parnet_blog_s", "parnet_blog_m", "parnet_blog_l", "parnet_blog_xl")
AUTHORS_DEPLOY_FORM = {
    "parnet_s_release": 19_128_980,
    "parnet_s": 19_177_032,
    "parnet_m": 35_576_616,
    "parnet_l": 54_914_824,
    "parnet_xl": 84_962_784,
}
"""Trainable parameters with 1000 classes after the authors' own conversion, measured there."""


def parnet(name: str) -> ParNetSpec:
    spec = registry.get(name)
    assert isinstance(spec, ParNetSpec)
    return spec


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sizes() -> str:
    rows = []
    for name in PARNETS:
        spec = parnet(name)
        training, deploy = spec.cost(form="training"), spec.cost(form="deploy")
        paper = spec.published
        rows.append(
            [
                f"`{name}`",
                ", ".join(map(str, spec.scaling.channels)),
                str(spec.scaling.final_channels),
                f"{training.parameters:,}",
                f"{deploy.parameters:,}",
                f"{training.multiply_adds / 1e9:.3f}",
                f"{deploy.multiply_adds / 1e9:.3f}",
                f"{paper.parameters_millions} M, {paper.gflops} G, {paper.top1:.2f}%"
                if paper
                else "not in the paper",
            ]
        )
    head = ["name", "streams", "final", "parameters, training", "parameters, deploy"]
    head += ["GMAC, training", "GMAC, deploy", "paper: parameters, FLOPs, top-1"]
    return table(head, rows)


def differences() -> str:
    """Every stream block's gate gains a bias, which the authors' partial form does not have."""
    rows = []
    for name in PARNETS:
        scaling = parnet(name).scaling
        biases = sum(c * n for c, n in zip(scaling.channels, scaling.depth, strict=True))
        ours, authors = parnet(name).cost(form="deploy").parameters, AUTHORS_DEPLOY_FORM[name]
        assert ours == authors + biases
        terms = " + ".join(
            f"{n} x {c}" for c, n in zip(scaling.channels, scaling.depth, strict=True)
        )
        rows.append([f"`{name}`", f"{authors:,}", f"{ours:,}", f"{biases:,} = {terms}"])
    return table(["name", "authors' deploy form", "this one", "biases of the stream gates"], rows)


def blog_sizes() -> str:
    rows = []
    for name in BLOGS:
        spec = registry.get(name)
        training, deploy = (spec.cost(form=form, num_classes=2) for form in ("training", "deploy"))
        rows.append(
            [
                f"`{name}`",
                ", ".join(map(str, spec.widths)),
                f"{training.parameters + training.non_trainable:,}",
                f"{training.parameters:,}",
                f"{deploy.parameters:,}",
                f"{training.multiply_adds / 1e9:.3f}",
                f"{deploy.multiply_adds / 1e9:.3f}",
            ]
        )
    head = ["name", "widths", "all weights", "trainable", "deploy form"]
    return table([*head, "GMAC, training", "GMAC, deploy"], rows)


def pyramid() -> str:
    rows = []
    for branches in (1, 2, 3, 4):
        for stem in ("imagenet", "small"):
            base = parnet("parnet_s")
            spec = base.scaled(branches=branches, stem=stem, resolution=256)
            levels = topology(spec.scaling).pyramid
            rows.append(
                [
                    str(branches),
                    f"`{stem}`",
                    ", ".join(map(str, spec.scaling.depth)),
                    str(spec.depth),
                    str(spec.stride),
                    ", ".join(f"P{level}" for level in sorted(levels)),
                ]
            )
    head = ["branches", "stem", "blocks a stream", "layers", "total stride", "pyramid"]
    return table(head, rows)


TABLES: dict[str, Callable[[], str]] = {
    "sizes": sizes,
    "differences": differences,
    "blog_sizes": blog_sizes,
    "pyramid": pyramid,
}


@pytest.mark.parametrize("name", TABLES)
def test_each_table_is_what_the_specs_say(name: str) -> None:
    written = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert written[name] == TABLES[name](), "run python tests/test_networks_docs.py"


def test_the_drawing_is_of_the_registered_network() -> None:
    assert DRAWING.read_text(encoding="utf-8") == drawing(parnet("parnet_s")), (
        "run python tests/test_networks_docs.py"
    )


@pytest.mark.parametrize(
    "changes",
    [{}, {"branches": 1}, {"branches": 2}, {"branches": 4, "resolution": 128}, {"stem": "small"}],
)
def test_a_drawing_has_every_block_with_its_width_and_every_edge(changes: dict[str, Any]) -> None:
    spec = parnet("parnet_test").scaled(**changes)
    svg = ET.fromstring(drawing(spec))  # noqa: S314 - our own text
    wiring = topology(spec.scaling)
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    for plan in wiring.blocks:
        side = spec.resolution // plan.scale
        assert f"{plan.out_channels} ch, {side} x {side}" in texts
    assert [text for text in texts if text == "SSE"] == ["SSE"] * sum(spec.scaling.depth)
    assert {f"P{level}" for level in wiring.pyramid} <= set(texts)
    arrows = [
        path for path in svg.iter("{http://www.w3.org/2000/svg}path") if path.get("fill") != "none"
    ]
    assert len(arrows) == sum(len(plan.inputs) for plan in wiring.blocks) + 1
    width, height = int(svg.attrib["width"]), int(svg.attrib["height"])
    for box in svg.iter("{http://www.w3.org/2000/svg}rect"):
        assert int(box.get("x", 0)) + int(box.attrib["width"]) <= width
        assert int(box.get("y", 0)) + int(box.attrib["height"]) <= height


def test_boxes_of_a_drawing_do_not_lie_on_each_other() -> None:
    svg = ET.fromstring(drawing(parnet("parnet_test").scaled(depth=(4, 1, 3))))  # noqa: S314 - ours
    boxes = [
        (box.get("x"), box.get("y"))
        for box in svg.iter("{http://www.w3.org/2000/svg}rect")
        if box.get("rx")
    ]
    assert len(set(boxes)) == len(boxes)


if __name__ == "__main__":
    DRAWING.write_text(drawing(parnet("parnet_s")), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    for name, make in TABLES.items():
        block = f"<!-- {name} -->\n{make()}<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*?<!-- /{name} -->", block, text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")
