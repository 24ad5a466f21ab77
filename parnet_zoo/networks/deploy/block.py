"""One block of ParNet or of the blog's network, folded.

What folds, and what cannot:

- Each 3x3 and 1x1 branch folds with its BatchNorm, and both into one biased 3x3 convolution; the
  factor of the gate folds into it as well.
- A stream's identity BatchNorm y = a x + c folds into its gate's 1x1 convolution, and a and c
  multiply the gate's vector instead of the map.
- A fusion's two BatchNorms stay a scale and a shift per channel: the convolution after them pads
  with zeros, so their shift is no constant at the border.
- Interleave and shuffle permute channels. They disappear: kernels are permuted instead, and a group
  that needs half of each map takes slices of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from parnet_zoo.networks.deploy.folding import (
    Affine,
    Array,
    Convolution,
    Padding,
    merged,
    normalised,
)
from parnet_zoo.networks.deploy.layers import DeployLayers
from parnet_zoo.networks.deploy.map import DeployMap, Order
from parnet_zoo.networks.topology import BlockPlan


@dataclass(frozen=True)
class BlockStyle:
    """In what the blocks of one family differ from those of another.

    Attributes:
        padding: Where 3x3 convolutions with stride 2 pad.
        gate_factor: By which the gates of all blocks but the streams' are multiplied.
        fused: Roles of a fusion's inputs, in the order in which it reads and interleaves them.
        shuffled: Whether a fusion's output is shuffled with two groups.
    """

    padding: Padding
    gate_factor: float
    fused: tuple[str, str]
    shuffled: bool


class FoldedBlock:
    """Draws one block, folded, from the training form's layers of it.

    Args:
        plan: The block.
        model: The training form.
        style: Of the model's family.
    """

    def __init__(self, plan: BlockPlan, model: Any, style: BlockStyle) -> None:
        self._plan = plan
        self._style = style
        self._activation = model.scaling.activation
        self._layers = DeployLayers(model, plan.name)

    def draw(self, inputs: list[DeployMap]) -> DeployMap:
        """Apply the block to one map for each of the plan's inputs."""
        if self._plan.kind == "stream":
            return self._stream(inputs[0])
        if self._plan.kind == "fusion":
            return self._fusion(inputs)
        return self._downsample(inputs[0])

    def _stream(self, source: DeployMap) -> DeployMap:
        """act(conv(x) + (a x + c) * g), with the products a*g and c*g on the gate's vector."""
        draw, x, identity = self._layers, source.tensor, self._layers.norm("identity_bn")
        trained = draw.convolution("gate_conv")
        bias = trained.bias + identity.shift @ trained.kernel[0, 0]
        gate = draw.gate("gate", x, trained.kernel * identity.scale[:, None], bias)
        scaled = draw.multiply("identity", [x, draw.scale("identity_scale", gate, identity.scale)])
        shifted = draw.scale("identity_shift", gate, identity.shift)
        total = draw.add("sum", [self._convolve("conv", x, self._folded()), scaled, shifted])
        return DeployMap(draw.activate(self._activation, total), source.order)

    def _downsample(self, source: DeployMap) -> DeployMap:
        channels = np.arange(self._plan.out_channels)
        y = self._gated("", source.tensor, source.order, channels)
        return DeployMap(self._layers.activate(self._activation, y), channels)

    def _fusion(self, inputs: list[DeployMap]) -> DeployMap:
        """Each half of the output reads half of each input, both scaled and shifted first."""
        parts = [
            self._normed(f"{role}_bn", source)
            for role, source in zip(self._style.fused, inputs, strict=True)
        ]
        halves = np.split(np.arange(self._plan.out_channels), 2)
        outputs = []
        for group, columns in enumerate(halves):
            x, rows = self._group(group, parts)
            outputs.append(self._gated(f"{group}_", x, rows, columns))
        joined = self._layers.join("joined", outputs)
        order = np.concatenate(halves)
        if self._style.shuffled:
            # The shuffle puts half 0 at the even channels of the training form, half 1 at the odd.
            order = np.concatenate([order[::2], order[1::2]])
        return DeployMap(self._layers.activate(self._activation, joined), order)

    def _normed(self, role: str, source: DeployMap) -> DeployMap:
        scale, shift = self._layers.norm(role)
        norm = Affine(scale[source.order], shift[source.order])
        return DeployMap(self._layers.scale_and_shift(role, source.tensor, norm), source.order)

    def _group(self, group: int, parts: list[DeployMap]) -> tuple[Any, Order]:
        """What one group of a fusion reads, and the kernel's row for each channel of it."""
        half = self._plan.in_channels // 2
        first = group * half
        slices, rows = [], []
        for offset, part in enumerate(parts):
            tensors, channels = part.part(first, first + half)
            slices += tensors
            # Interleaved, channel i of the first input stands at 2i, that of the second at 2i + 1.
            rows.append(2 * (channels - first) + offset)
        return self._layers.join(f"half_{group}", slices), np.concatenate(rows)

    def _gated(self, part: str, x: Any, rows: Order, columns: Order) -> Any:
        """The 3x3 convolution times its gate, of some of the kernel's rows and columns."""
        trained, biased = self._layers.convolution("gate_conv"), self._layers.biased("gate_conv")
        gate = self._layers.gate(
            f"{part}gate",
            x,
            _taken(trained.kernel, rows, columns),
            trained.bias[columns] if biased else None,
        )
        folded, factor = self._folded(), self._style.gate_factor
        kernel = factor * _taken(folded.kernel, rows, columns)
        y = self._convolve(f"{part}conv", x, Convolution(kernel, factor * folded.bias[columns]))
        return self._layers.multiply(f"{part}gated", [y, gate])

    def _convolve(self, role: str, x: Any, convolution: Convolution) -> Any:
        stride, padding = self._plan.stride, self._style.padding
        return self._layers.convolve(role, x, convolution, stride=stride, padding=padding)

    def _folded(self) -> Convolution:
        """The block's 3x3 and 1x1 branches, with their BatchNorms, as one convolution."""
        dense, pointwise = (
            normalised(self._layers.convolution(f"{role}_conv"), self._layers.norm(f"{role}_bn"))
            for role in ("dense", "pointwise")
        )
        return merged(dense, pointwise, self._plan.stride, self._style.padding)


def _taken(kernel: Array, rows: Order, columns: Order) -> Array:
    return kernel[:, :, rows][..., columns]
