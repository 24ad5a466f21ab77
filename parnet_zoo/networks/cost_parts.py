"""Parts of a network's cost, and their sum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from registry import BackboneSpec, Cost, SpecError

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class CostPart:
    """What one block costs.

    Attributes:
        parameters: Trainable ones.
        non_trainable: Means and variances of BatchNorms.
        multiply_adds: Of convolutions and dense layers.
        activations: Numbers in the outputs of all its layers.
    """

    parameters: int = 0
    non_trainable: int = 0
    multiply_adds: int = 0
    activations: int = 0


def total_cost(parts: Iterable[CostPart]) -> Cost:
    """The sum, activations in bytes of float32."""
    parts = list(parts)
    return Cost(
        parameters=sum(part.parameters for part in parts),
        non_trainable=sum(part.non_trainable for part in parts),
        multiply_adds=sum(part.multiply_adds for part in parts),
        activation_bytes=FLOAT32_BYTES * sum(part.activations for part in parts),
    )


def resolution_to_count(spec: BackboneSpec, resolution: int | None) -> int:
    """The resolution asked for, by default the spec's own.

    Raises:
        SpecError: The network does not take it.
    """
    size = spec.resolution if resolution is None else resolution
    if not spec.fits(size):
        raise SpecError(
            f"{spec.name} takes sizes that are multiples of {spec.stride}, not {size};"
            f" the nearest is {spec.nearest_resolution(size)}"
        )
    return size
