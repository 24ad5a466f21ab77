"""The training batches one after the other, at the size that each step is to have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from parnet_zoo.data.training_batches import TrainingBatches
from parnet_zoo.recipe import Recipe


class BatchFeed:
    """Hands out the batch of each step; steps are asked for in their order.

    Args:
        batches: Where they come from.
        recipe: Has the sizes of the first parts of the training, and until when images are mixed.
    """

    def __init__(self, batches: TrainingBatches, recipe: Recipe) -> None:
        self._batches = batches
        self._progressive = recipe.progressive
        self._resolution = recipe.spec().resolution
        self._mixing = recipe.augmentation.mixing
        self._open: tuple[int, bool] | None = None
        self._iterator: Iterator[Any] = iter(())

    def size(self, step: int, total_steps: int) -> int:
        """Height and width of the images of a step in pixels."""
        for stage in self._progressive:
            if step < stage.until * total_steps:
                return stage.resolution
        return self._resolution

    def take(self, step: int, total_steps: int) -> tuple[Any, Any]:
        """Pixels (n, size, size, 3) and targets (n, classes) of a step.

        Raises:
            tf.errors.UnknownError: No image can be read any more; see `TrainingBatches`.
        """
        mixed = self._mixing is not None and step < self._mixing.until * total_steps
        wanted = (self.size(step, total_steps), mixed)
        if wanted != self._open:
            self._iterator = iter(self._batches.from_step(step, size=wanted[0], mixed=mixed))
            self._open = wanted
        pixels, targets = next(self._iterator)
        return pixels, targets
