"""Parameters, multiply-adds and activation memory of a ParNet, from its spec alone."""

from __future__ import annotations

from typing import Literal

from parnet_zoo.networks.cost_parts import CostPart, resolution_to_count, total_cost
from parnet_zoo.networks.deploy.cost import deploy_block_cost
from parnet_zoo.networks.spec import ParNetSpec, ScalingSpec
from parnet_zoo.networks.topology import BlockPlan, topology
from registry import Cost

Form = Literal["training", "deploy"]


def cost(
    spec: ParNetSpec,
    *,
    resolution: int | None = None,
    num_classes: int | None = 1000,
    form: Form = "training",
) -> Cost:
    """Count one form of a network at batch 1.

    Multiply-adds are those of convolutions (a per-channel scale among them) and of the classifier,
    borders counted as if the padding were real pixels, as the field does. Activation bytes are the
    float32 outputs of all layers together: what training keeps for the gradient, and an upper bound
    for inference.

    Args:
        spec: Any ParNet spec.
        resolution: Height and width in pixels; the spec's by default.
        num_classes: Classes of the head, None for the headless backbone.
        form: "training" or "deploy".

    Raises:
        SpecError: The network does not take that resolution.
    """
    size = resolution_to_count(spec, resolution)
    count = _training_block if form == "training" else _deploy_block
    parts = [count(plan, size // plan.scale) for plan in topology(spec.scaling).blocks]
    if num_classes is not None:
        parts.append(_head(spec.scaling, num_classes, form))
    return total_cost(parts)


def _training_block(plan: BlockPlan, side: int) -> CostPart:
    """Blocks.py in numbers; `side` is the output's height and width."""
    reads, gives, before = plan.joined_channels, plan.out_channels, side * plan.stride
    area, area_before = side * side, before * before
    weights = reads * gives // plan.groups
    norms = 2 * gives  # channels under a BatchNorm: the 3x3 and the 1x1 branch
    # padded input, two convolutions, two BatchNorms, their sum, gated, activated
    activations = (before + 2) ** 2 * reads + 7 * area * gives
    activations += reads + 2 * gives  # the gate: pooled, sigmoid, doubled
    if plan.stride > 1:
        activations += area * reads  # pooled for the 1x1 branch
    if plan.kind == "stream":
        norms += gives
        activations += area * gives - gives  # the identity's BatchNorm; its gate is not doubled
    if plan.kind == "fusion":
        norms += reads
        # two BatchNorms, interleaved; two halves, shuffled
        activations += 2 * area_before * reads + 2 * area * gives
    return CostPart(
        parameters=11 * weights + 2 * norms,
        non_trainable=2 * norms,
        multiply_adds=10 * weights * area + weights,
        activations=activations,
    )


def _deploy_block(plan: BlockPlan, side: int) -> CostPart:
    return deploy_block_cost(plan, side, padding=2)


def _head(scaling: ScalingSpec, num_classes: int, form: Form) -> CostPart:
    weights = scaling.final_channels * num_classes
    pooled = scaling.final_channels * (2 if form == "training" else 1)  # dropout keeps a copy
    return CostPart(weights + num_classes, 0, weights, pooled + num_classes)
