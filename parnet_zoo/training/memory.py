"""What a training takes in memory, and what would fit, told before anything heavy is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import registry
from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.data import DataSection
from registry import BackboneSpec, Cost, SpecError

PROCESS_BYTES = 1.9e9
"""TensorFlow, MLflow, and what judging and registering take; from benchmarks/memory.py."""
BYTES_PER_PARAMETER = 16
"""float32 weight, gradient and the two moments of Adam."""
BYTES_OF_A_COPY = 4
"""Of a parameter, in a moving average or in a sum of gradients."""
CACHED_BYTES = 1.5e9
"""Decoded pictures that are kept in memory at most."""
CERTAIN = 2 / 3
"""The estimate is right within about a third: of so much of it one can be sure."""


@dataclass(frozen=True)
class TrainingMemory:
    """One training, and its bytes.

    Attributes:
        spec: The network.
        resolution: Height and width of its images in pixels.
        classes: Classes of its head.
        cost: Of its training form for one such image.
        batch_size: Images in one step.
        images: Images of training and validation together.
        precision: As the recipe has it.
        stored: Height and width at which images are kept, where that is more than `resolution`.
        cache_bytes: Decoded images that are kept in memory at most.
        copies: Of all parameters, besides what every training has.
    """

    spec: BackboneSpec
    resolution: int
    classes: int
    cost: Cost
    batch_size: int
    images: int
    precision: str
    stored: int = 0
    cache_bytes: float = CACHED_BYTES
    copies: int = 0

    @classmethod
    def of(cls, recipe: Recipe, cost: Cost, *, classes: int, images: int) -> TrainingMemory:
        """What a recipe takes whose network costs so much."""
        spec, data = recipe.spec(), recipe.data
        return cls(
            spec,
            spec.resolution,
            classes,
            cost,
            recipe.batch_size,
            images,
            recipe.precision,
            stored=data.stored_resolution or 0,
            cache_bytes=_cache_bytes(data),
            copies=(recipe.ema is not None) + (recipe.optimizer.accumulation > 1),
        )

    @property
    def bytes(self) -> float:
        """Expected peak memory of the process, within about a third."""
        half = self.precision.startswith("mixed")
        return self._host_bytes + self._network_bytes(half=half)

    @property
    def main_bytes(self) -> float:
        """The part of it that the machine's own memory must have.

        Where there may be a GPU, network and activations are left out: they are in its memory.
        """
        return self._host_bytes if may_have_gpu() else self.bytes

    @property
    def certain_bytes(self) -> float:
        """What it takes there if the estimate is as wrong as it can be."""
        if may_have_gpu():
            return CERTAIN * self._host_bytes
        half = self.precision != "float32"  # "auto" is decided only when TensorFlow is loaded
        return CERTAIN * (self._host_bytes + self._network_bytes(half=half))

    def what_fits(self, available: float) -> tuple[str, str]:
        """The recipe's field that had best be changed, and how, in words."""
        if batch := self._largest_batch(available):
            return "batch_size", f"a batch size of {batch} would fit"
        if side := self._largest_resolution(available):
            return "model.resolution", f"a batch size of 1 at {side} px would fit"
        if name := self._largest_network(available):
            return "model.name", f"{name} would fit"
        return "model.name", "take a smaller network"

    @property
    def _host_bytes(self) -> float:
        side = max(self.resolution, self.stored)
        return PROCESS_BYTES + min(self.cache_bytes, self.images * 3 * side**2)

    def _network_bytes(self, *, half: bool) -> float:
        activations = self.cost.activation_bytes * self.batch_size / (2 if half else 1)
        each = BYTES_PER_PARAMETER + BYTES_OF_A_COPY * self.copies
        return self.cost.parameters * each + activations * 1.1

    def _largest_batch(self, available: float) -> int:
        one = replace(self, batch_size=1)
        two = replace(self, batch_size=2)
        left = available - one.bytes
        return 0 if left < 0 else min(self.batch_size, 1 + int(left // (two.bytes - one.bytes)))

    def _largest_resolution(self, available: float) -> int:
        stride = self.spec.stride
        below = (self.resolution - 1) // stride * stride
        for side in range(below, 0, -stride):
            if (smaller := self._of(self.spec, side, 1)) and smaller.bytes <= available:
                return side
        return 0

    def _largest_network(self, available: float) -> str:
        specs = map(registry.get, registry.names())
        fitting = [
            (other.cost.parameters, spec.name)
            for spec in specs
            if spec.family == self.spec.family
            and (other := self._of(spec, self.resolution, self.batch_size))
            and other.bytes <= available
        ]
        return max(fitting, default=(0, ""))[1]

    def _of(self, spec: BackboneSpec, side: int, batch_size: int) -> TrainingMemory | None:
        """The same training of another network; None where that does not take the resolution."""
        try:
            cost = spec.cost(num_classes=self.classes, form="training", resolution=side)
        except SpecError:
            return None
        return replace(self, spec=spec, resolution=side, cost=cost, batch_size=batch_size)


def _cache_bytes(data: DataSection) -> float:
    if data.cache in ("none", "disk"):
        return 0.0
    return CACHED_BYTES if data.cache_gb is None else data.cache_gb * 1e9


def may_have_gpu(devices: Path = Path("/dev")) -> bool:
    """Whether TensorFlow may find a GPU; only TensorFlow itself, once loaded, knows.

    A graphics driver's device file is there (NVIDIA's, AMD's, or Windows' own under Linux), and
    CUDA_VISIBLE_DEVICES does not hide all of them.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    return any(any(devices.glob(name)) for name in ("nvidia[0-9]*", "kfd", "dxg"))
