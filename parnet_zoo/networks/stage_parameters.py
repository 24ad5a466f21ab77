"""How the parameters of a network are spread over its stages."""

from __future__ import annotations

from parnet_zoo.networks.topology import BlockPlan, Topology


def stage_parameters(wiring: Topology, *, gate_biases: bool) -> dict[str, int]:
    """Trainable parameters of each stage in training form, in the network's order.

    Args:
        wiring: The network's.
        gate_biases: Whether the gates of streams and fusions have biases, as in the blog's network.
    """
    counts = dict.fromkeys(wiring.stages, 0)
    for plan in wiring.blocks:
        stage, _, _ = plan.name.partition("_block_")
        counts[stage] += _parameters(plan, gate_biases=gate_biases)
    return counts


def _parameters(plan: BlockPlan, *, gate_biases: bool) -> int:
    reads, gives = plan.joined_channels, plan.out_channels
    norms = {"stream": 3 * gives, "fusion": 2 * gives + reads}.get(plan.kind, 2 * gives)
    biases = gives if gate_biases and plan.kind != "downsample" else 0
    # 3x3, 1x1 and gate
    return 11 * reads * gives // plan.groups + 2 * norms + biases
