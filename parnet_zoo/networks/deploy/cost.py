"""What one block of a deploy form costs."""

from __future__ import annotations

from parnet_zoo.networks.cost_parts import CostPart
from parnet_zoo.networks.topology import BlockPlan


def deploy_block_cost(
    plan: BlockPlan, side: int, *, padding: int, fusion_gate_bias: bool = False
) -> CostPart:
    """Folded_block.py in numbers.

    Args:
        plan: The block.
        side: Height and width of its output.
        padding: Rows, and columns, that are added to a map before a convolution with stride 2.
        fusion_gate_bias: Whether the gates of fusions have a bias.
    """
    reads, gives, before = plan.joined_channels, plan.out_channels, side * plan.stride
    area, area_before = side * side, before * before
    weights = reads * gives // plan.groups
    parameters = 10 * weights + gives
    multiply_adds = 9 * weights * area + weights
    activations = 3 * area * gives + reads + gives  # convolution, gated, activated; the gate
    if plan.stride > 1:
        activations += (before + padding) ** 2 * reads
    if plan.kind == "stream":
        parameters += 3 * gives  # the gate's bias, the identity's scale and shift
        multiply_adds += 2 * gives
        activations += area * gives + 2 * gives
    if plan.kind == "fusion":
        parameters += 2 * reads + (gives if fusion_gate_bias else 0)
        multiply_adds += area_before * reads
        # scaled and shifted, sliced, joined to halves; the halves of the output joined
        activations += 3 * area_before * reads + area * gives
    return CostPart(parameters, 0, multiply_adds, activations)
