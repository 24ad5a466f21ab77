"""What the keys of the blog's checkpoints mean: from layers counted by Keras to named ones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import mode
from typing import Literal

from pydantic import ValidationError

from parnet_zoo.networks.blog.spec import BLOG_DEPTHS, STREAMS, STRIDE, BlogScaling
from parnet_zoo.networks.blog.topology import blog_topology
from parnet_zoo.networks.checkpoints.counted_layers import CountedLayers
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.spec import MIN_WIDTH
from parnet_zoo.networks.topology import BlockPlan

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
"""By key: `conv2d_3/kernel`."""

CONVOLUTION, NORM, DENSE = "conv2d", "batch_normalization", "dense"
# In a block, in the order in which the blog's code creates them.
CONVOLUTIONS = {
    "downsample": ("pointwise", "dense", "gate"),
    "stream": ("gate", "pointwise", "dense"),
    "fusion": ("pointwise", "dense", "gate"),
}
NORMS = {
    "downsample": ("pointwise", "dense"),
    "stream": ("identity", "pointwise", "dense"),
    "fusion": ("previous", "stream", "pointwise", "dense"),
}
NORM_WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")
A_BLOCK = 3
"""Convolutions of every block."""
# Blocks in order of creation, as letters: downsample, stream, fusion.
_WIRING = re.compile("DD(S+)DD(S+)FD(S+)FD")
_DAMAGED_WIRING = re.compile(
    "DD([S]+)DD([S]+)DD([S]+)DD".replace("D", "[DF?]").replace("[S]", "[S?]")
)
_KERNEL, _MATRIX = 4, 2
_POINT, _WINDOW = (1, 1), (3, 3)


@dataclass(frozen=True)
class Slot:
    """One weight of the network, and where it is in the file.

    Attributes:
        key: In the file: `conv2d_3/kernel`.
        layer: Of the network: `stem_1_pointwise_conv`.
        weight: What it is to the layer: `kernel`.
        shape: As the network needs it.
    """

    key: str
    layer: str
    weight: str
    shape: Shape


class BlogKeys:
    """The keys of one file.

    Args:
        shapes: Every array's, by key.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        names = {key.partition("/")[0] for key in shapes}
        self._norms, self._dense = CountedLayers(NORM, names), CountedLayers(DENSE, names)
        self._convolutions = CountedLayers(CONVOLUTION, names)
        wiring = _WIRING.fullmatch(self._letters(self._convolutions.ranked))
        self._known = self._convolutions.ranked
        if wiring is None:
            self._known = self._convolutions.counted
            wiring = _DAMAGED_WIRING.fullmatch(self._letters(self._known))
        # Without any wiring the published depths will do: what does not fit will be listed.
        self._depth = tuple(map(len, wiring.groups())) if wiring else BLOG_DEPTHS

    def scaling(self, activation: Literal["silu", "relu"] = "silu") -> BlogScaling:
        """Read widths, depths and the input size off the shapes.

        Raises:
            CheckpointError: They are not those of such a network.
        """
        try:
            places = self._places()
            final = self._channels(places["final"])
            return BlogScaling(
                stem_channels=self._channels(places["stem_0"]),
                channels=tuple(
                    self._channels(places[name]) for name in ("stem_1", "enter_1", "enter_2")
                ),
                final_channels=final,
                depth=self._depth,
                activation=activation,
                in_channels=self._channels(places["stem_0"], axis=-2),
                resolution=STRIDE * self._side(final),
            )
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise CheckpointError(f"it is no network that can be built: {reason}") from error

    @property
    def classes(self) -> int:
        """Classes of its head."""
        return self._classifier()[1]

    def slots(self, scaling: BlogScaling, *, with_head: bool = True) -> Iterator[Slot]:
        """Every weight of the network, in order of creation."""
        plans = blog_topology(scaling).blocks
        convolutions = iter(self._convolutions.names(A_BLOCK * len(plans)))
        norms = iter(self._norms.names(sum(len(NORMS[plan.kind]) for plan in plans)))
        for plan in plans:
            for role in CONVOLUTIONS[plan.kind]:
                yield from _convolution(next(convolutions), plan, role)
            for role in NORMS[plan.kind]:
                yield from _norm(next(norms), plan, role)
        if with_head:
            features, classes = self._classifier()
            for weight, shape in (("kernel", (features, classes)), ("bias", (classes,))):
                yield Slot(f"{self._classifier_name}/{weight}", "head_logits", weight, shape)

    def head(self) -> tuple[str, ...]:
        """The keys of the head."""
        return tuple(key for key in self._shapes if key.startswith(f"{self._classifier_name}/"))

    def _places(self) -> dict[str, int]:
        """The block's name to its place in order of creation."""
        widths = {"channels": (MIN_WIDTH,) * STREAMS, "final_channels": 1, "depth": self._depth}
        wiring = blog_topology(BlogScaling.model_validate(widths))
        return {plan.name: place for place, plan in enumerate(wiring.blocks)}

    def _letters(self, names: list[str]) -> str:
        """The kind of block of each three convolutions; ? where that cannot be told."""
        return "".join(
            self._letter(*names[start + 1 : start + A_BLOCK])
            for start in range(0, len(names) - A_BLOCK + 1, A_BLOCK)
        )

    def _letter(self, second: str, third: str) -> str:
        windows = self._kernel(second)[:2], self._kernel(third)[:2]
        if windows == (_POINT, _WINDOW):
            return "S"
        if windows == (_WINDOW, _POINT):
            return "F" if f"{third}/bias" in self._shapes else "D"
        return "?"

    def _channels(self, block: int, axis: int = -1) -> int:
        """What most of a block's three kernels say about one of its axes."""
        names = self._known[A_BLOCK * block : A_BLOCK * (block + 1)]
        found = [kernel[axis] for name in names if (kernel := self._kernel(name))]
        if not found:
            raise CheckpointError("it is no network of the blog's kind: it has too few layers")
        return mode(found)

    def _kernel(self, name: str) -> Shape:
        """A convolution's kernel, or nothing where there is none of four axes."""
        shape = self._shapes.get(f"{name}/kernel", ())
        return shape if len(shape) == _KERNEL else ()

    def _side(self, final: int) -> int:
        """Height and width of the last map, which the classifier reads all of."""
        features = self._classifier()[0]
        side = math.isqrt(features // final) if final else 0
        if side < 1 or side * side * final != features:
            raise CheckpointError(
                f"its classifier reads {features} numbers, which are no square map of {final}"
                " channels, so that the size of its images is not known"
            )
        return side

    @property
    def _classifier_name(self) -> str:
        return self._dense.names(1)[0]

    def _classifier(self) -> tuple[int, int]:
        """What the classifier reads and gives."""
        shape = self._shapes.get(f"{self._classifier_name}/kernel", ())
        if len(shape) != _MATRIX or not shape[1]:
            raise CheckpointError(
                "it is no network of the blog's kind, or one without its head: it has no classifier"
                " (dense), which tells the classes and the size of images"
            )
        return shape[0], shape[1]


def _convolution(name: str, plan: BlockPlan, role: str) -> Iterator[Slot]:
    window = _WINDOW if role == "dense" else _POINT
    layer = f"{plan.name}_{role}_conv"
    shape = (*window, plan.joined_channels // plan.groups, plan.out_channels)
    yield Slot(f"{name}/kernel", layer, "kernel", shape)
    if role == "gate" and plan.kind != "downsample":
        yield Slot(f"{name}/bias", layer, "bias", (plan.out_channels,))


def _norm(name: str, plan: BlockPlan, role: str) -> Iterator[Slot]:
    reads = role in {"identity", "previous", "stream"}
    channels = plan.in_channels if reads else plan.out_channels
    for weight in NORM_WEIGHTS:
        yield Slot(f"{name}/{weight}", f"{plan.name}_{role}_bn", weight, (channels,))
