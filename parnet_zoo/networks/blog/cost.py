"""Parameters, multiply-adds and activation memory of the blog's network, from its spec alone."""

from __future__ import annotations

from parnet_zoo.networks.blog.spec import BlogSpec
from parnet_zoo.networks.blog.topology import blog_topology
from parnet_zoo.networks.cost import Form
from parnet_zoo.networks.cost_parts import CostPart, resolution_to_count, total_cost
from parnet_zoo.networks.deploy.cost import deploy_block_cost
from parnet_zoo.networks.topology import BlockPlan
from registry import Cost


def cost(
    spec: BlogSpec,
    *,
    resolution: int | None = None,
    num_classes: int | None = 1000,
    form: Form = "training",
) -> Cost:
    """Count one form of a network at batch 1, by the rules of `parnet_zoo.networks.cost.cost`.

    Args:
        spec: Any spec of the family.
        resolution: Height and width in pixels, which the classifier grows with; the spec's by
            default.
        num_classes: Classes of the head, None for the headless backbone.
        form: "training" or "deploy".

    Raises:
        SpecError: The network does not take that resolution.
    """
    size = resolution_to_count(spec, resolution)
    count = _training_block if form == "training" else _deploy_block
    plans = blog_topology(spec.scaling).blocks
    parts = [count(plan, size // plan.scale) for plan in plans]
    if num_classes is not None:
        parts.append(_head(plans[-1], size // plans[-1].scale, num_classes))
    return total_cost(parts)


def _training_block(plan: BlockPlan, side: int) -> CostPart:
    """Blog_blocks.py in numbers; `side` is the output's height and width."""
    reads, gives = plan.joined_channels, plan.out_channels
    area, area_before = side * side, (side * plan.stride) ** 2
    weights = reads * gives // plan.groups
    norms = 2 * gives  # channels under a BatchNorm: the 3x3 and the 1x1 branch
    biases = 0 if plan.kind == "downsample" else gives  # of the gate
    # two convolutions, two BatchNorms, their sum, gated, activated; the gate: pooled, sigmoid
    activations = 7 * area * gives + reads + gives
    if plan.stride > 1:
        activations += area * reads  # pooled for the 1x1 branch
    if plan.kind == "stream":
        norms += gives
        activations += area * gives  # the identity's BatchNorm
    if plan.kind == "fusion":
        norms += reads
        activations += 2 * area_before * reads  # two BatchNorms, interleaved
    return CostPart(
        parameters=11 * weights + 2 * norms + biases,
        non_trainable=2 * norms,
        multiply_adds=10 * weights * area + weights,
        activations=activations,
    )


def _deploy_block(plan: BlockPlan, side: int) -> CostPart:
    return deploy_block_cost(plan, side, padding=1, fusion_gate_bias=True)


def _head(final: BlockPlan, side: int, num_classes: int) -> CostPart:
    """The final map, flattened, into the classifier."""
    features = side * side * final.out_channels
    weights = features * num_classes
    return CostPart(weights + num_classes, 0, weights, features + num_classes)
