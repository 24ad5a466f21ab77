"""Which layers of a network make up its stages."""

from __future__ import annotations

from typing import Any

from parnet_zoo.networks.stages import HEAD


def layers_by_stage(model: Any) -> dict[str, list[Any]]:
    """Layers with weights of each stage, in the network's order; their names begin with its name.

    Args:
        model: A network, perhaps with named stages; the classifier is `head`.

    Returns:
        Lists of layers by stage; nothing where the network has no named stages.
    """
    if not getattr(model, "stage_outputs", None):
        return {}
    layers: dict[str, list[Any]] = {stage: [] for stage in (*model.stage_outputs, HEAD)}
    for layer in model.layers:
        owners = [stage for stage in layers if layer.name.startswith(f"{stage}_")]
        if owners and layer.weights:
            layers[max(owners, key=len)].append(layer)
    return {stage: found for stage, found in layers.items() if found or stage != HEAD}
