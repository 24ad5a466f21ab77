"""How fast a training goes, and when it will be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

WARM_UP_STEPS = 3
"""The first steps at a size trace the graph and say nothing about the others."""
VALIDATION_PART = 0.35
"""Time of an image in validation, of that in training, until a validation has been measured."""
FINISH_SECONDS = 15.0
"""Folding, packing, judging a small test split and registering, with a small network."""


@dataclass
class Pace:
    """Seconds of steps and validations as they were measured, scaled to images of any size.

    Attributes:
        steps_per_epoch: Of the training.
        batch_size: Images a step.
        validation_images: Images of a validation.
        test_images: Judged at the end; the validation images are as well.
        resolution: Height and width of the network's own images, at which it is validated.
        size: The size of a step's images, by step and total steps.
    """

    steps_per_epoch: int
    batch_size: int
    validation_images: int
    test_images: int
    resolution: int
    size: Callable[[int, int], int]
    timed: int = 0
    _units: float = 0.0
    _seconds: float = 0.0
    _at_size: int = 0
    _size: int = 0
    _validation: float | None = None

    def stepped(self, size: int, seconds: float) -> None:
        """Count a step with images of a size."""
        self._at_size = self._at_size + 1 if size == self._size else 1
        self._size = size
        if self._at_size <= WARM_UP_STEPS:
            return
        self.timed += 1
        # Older steps fade: machines are shared, and what counts is how fast it is now.
        fade = 0.998
        self._units = self._units * fade + self._weight(size)
        self._seconds = self._seconds * fade + seconds

    def validated(self, seconds: float) -> None:
        """Count a validation."""
        self._validation = seconds

    @property
    def step_seconds(self) -> float:
        """Seconds of a step with images of the size that the last one had."""
        return self._seconds / self._units * self._weight(self._size)

    def remaining(self, step: int, total_steps: int) -> float:
        """Seconds from a step to the end of the run; steps have to have been timed."""
        own = self._seconds / self._units
        work = sum(
            (stop - start) * self._weight(self.size(start, total_steps))
            for start, stop in self._parts(step, total_steps)
        )
        epochs = -(-total_steps // self.steps_per_epoch) - step // self.steps_per_epoch
        image = own * VALIDATION_PART / self.batch_size
        validation = self._validation
        if validation is None:
            validation = image * self.validation_images
        judged = image * (self.test_images + self.validation_images)
        return work * own + max(epochs, 0) * validation + judged + FINISH_SECONDS

    def fitting_steps(self, step: int, seconds: float) -> int:
        """The most steps in all with which the run ends in so many seconds; at least `step` + 1."""
        low, high = step + 1, step + 2
        while self.remaining(step, high) <= seconds:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if self.remaining(step, middle) <= seconds:
                low = middle
            else:
                high = middle
        return low

    def _weight(self, size: int) -> float:
        return (size / self.resolution) ** 2

    def _parts(self, step: int, total_steps: int) -> list[tuple[int, int]]:
        """The rest of the training in a hundred parts, each nearly of one size."""
        left = max(total_steps - step, 0)
        marks = [step + left * number // 100 for number in range(101)]
        return list(pairwise(marks))
