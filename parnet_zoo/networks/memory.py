"""Networks that would not fit in memory are refused before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parnet_zoo.machine_memory import machine_memory
from registry import BackboneSpec, SpecError

BUILDING_PERCENT = 160
"""Peak memory of building a network, in percent of its weights: each is drawn at random from
numbers that take memory of their own. Measured on parnet_xl and on a network of 500 M weights."""
_WEIGHT_BYTES = {"float16": 2, "bfloat16": 2, "float64": 8}
_FLOAT32_BYTES = 4
_MOST_TOLD = 10**15


def refuse_what_does_not_fit(
    spec: BackboneSpec,
    *,
    num_classes: int | None = None,
    dtype: str = "float32",
    image_shape: Sequence[int | None] | None = None,
) -> None:
    """Raise if building a network would take more memory than there is.

    The size is counted from the spec alone. A family that cannot count it is let through. Memory
    of a GPU is not looked at: what is loaded, saved or folded is in the machine's.

    Args:
        spec: What is to be built.
        num_classes: Classes of its head, None for the backbone alone.
        dtype: Of its weights.
        image_shape: (height, width, channels), which some heads grow with; the spec's resolution
            where it is open.

    Raises:
        SpecError: It does not fit; one sentence with the estimate, what there is, and what to do.
    """
    if spec.coster is None:
        return
    building = _Building(spec, num_classes, dtype, _resolution(spec, image_shape))
    memory = machine_memory()
    if building.bytes <= memory.reachable:
        return
    classes = "" if num_classes is None else f" with {_number(num_classes)} classes"
    raise SpecError(
        f"{spec.name}{classes} would take {_gigabytes(building.bytes)} of memory to build, of which"
        f" {memory.owner} has {_gigabytes(memory.available)} left;"
        f" {building.what_fits(memory.available)}"
    )


@dataclass(frozen=True)
class _Building:
    """A network that is to be built."""

    spec: BackboneSpec
    num_classes: int | None
    dtype: str
    resolution: int

    @property
    def bytes(self) -> int:
        return self._bytes_of(self.spec)

    def what_fits(self, available: int) -> str:
        # weights go with the square of the width
        percent = max(1, math.isqrt(10_000 * available // self.bytes))
        try:
            if self._bytes_of(self.spec.scaled(width=percent / 100)) <= available:
                return f"{percent}% of its width would fit"
        except SpecError:  # a family that is not scaled
            pass
        return "take a smaller network, or fewer classes"

    def _bytes_of(self, spec: BackboneSpec) -> int:
        options: dict[str, Any] = {"resolution": self.resolution, "num_classes": self.num_classes}
        cost = spec.cost(**options, form="training")
        weights = cost.parameters + cost.non_trainable
        return weights * _WEIGHT_BYTES.get(self.dtype, _FLOAT32_BYTES) * BUILDING_PERCENT // 100


def _resolution(spec: BackboneSpec, image_shape: Sequence[int | None] | None) -> int:
    """The side of a square with as many pixels, a multiple of the stride."""
    height, width = (*(image_shape or ()), None, None)[:2]
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 1:
        return spec.resolution  # open, or what its builder is going to refuse
    return -(-math.isqrt(height * width) // spec.stride) * spec.stride


def _number(count: int) -> str:
    return f"{count:,}" if count < _MOST_TOLD else f"over {_MOST_TOLD:,}"


def _gigabytes(count: int) -> str:
    if count >= _MOST_TOLD:
        return f"over {_MOST_TOLD // 10**9:,} GB"
    return f"about {count / 1e9:,.1f} GB"
