"""Drawing a wiring as a Keras graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parnet_zoo.networks.topology import IMAGE, BlockPlan, Topology


def draw_blocks(
    wiring: Topology,
    image: Any,
    activation: str,
    block: Callable[[BlockPlan, list[Any], str], Any],
) -> dict[str, Any]:
    """Every block's output by name, and the image's.

    Args:
        wiring: Which blocks there are, and what each reads.
        image: (n, h, w, c).
        activation: "silu" or "relu".
        block: The family's block: applied to a plan, its inputs and the activation.
    """
    maps = {IMAGE: image}
    for plan in wiring.blocks:
        maps[plan.name] = block(plan, [maps[name] for name in plan.inputs], activation)
    return maps
