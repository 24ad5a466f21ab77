"""One field of a recipe that a sweep varies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parnet_zoo.recipe.yaml_text import yaml_value


@dataclass(frozen=True)
class Choices:
    """A field with a few values to choose from.

    Attributes:
        field: Dotted name.
        values: Plain data, all different.
    """

    field: str
    values: tuple[Any, ...]

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def finite(self) -> tuple[Any, ...]:
        """Every value."""
        return self.values

    @property
    def probes(self) -> tuple[Any, ...]:
        """Values that show whether all of them are right."""
        return self.values

    def __str__(self) -> str:
        """For the plan."""
        return ", ".join(map(yaml_value, self.values))


@dataclass(frozen=True)
class Range:
    """A field with any number between two to choose from, both included.

    Attributes:
        field: Dotted name.
        low: The least.
        high: The greatest.
        whole: Whether only whole numbers count.
        log: Whether each order of magnitude is as likely as another.
        step: From one value to the next; None for any number.
    """

    field: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None

    @property
    def count(self) -> int | None:
        """How many values there are; None where they cannot be counted."""
        if self.step is None and not self.whole:
            return None
        return int((self.high - self.low) / (self.step or 1) + 1e-9) + 1

    @property
    def finite(self) -> tuple[Any, ...]:
        """Every value, where they can be counted."""
        step = self.step or 1
        return tuple(self.rounded(self.low + place * step) for place in range(self.count or 0))

    @property
    def top(self) -> float:
        """The greatest value that the steps reach."""
        if self.step is None or self.count is None:
            return self.high
        return min(self.low + (self.count - 1) * self.step, self.high)

    @property
    def probes(self) -> tuple[Any, ...]:
        """Both ends."""
        return self.rounded(self.low), self.rounded(self.top)

    def rounded(self, value: float) -> int | float:
        """A value as it is written into a recipe: four digits say enough."""
        if self.whole:
            return round(value)
        digits = 12 if self.step is not None else 4
        return min(max(float(f"{value:.{digits}g}"), self.low), self.high)

    def __str__(self) -> str:
        """For the plan."""
        kind = "whole numbers" if self.whole else "numbers"
        ends = f"{self.rounded(self.low)} to {self.rounded(self.high)}"
        step = f" in steps of {self.step:g}" if self.step is not None else ""
        return f"{kind} from {ends}{step}{', evenly by their logarithm' if self.log else ''}"


Dimension = Choices | Range


def combinations_of(dimensions: Sequence[Dimension]) -> int | None:
    """How many combinations there are; None where they cannot be counted."""
    count = 1
    for dimension in dimensions:
        if dimension.count is None:
            return None
        count *= dimension.count
    return count
