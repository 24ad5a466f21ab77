"""What a sweep is, in a form that any process can take it up from."""

from __future__ import annotations

import hashlib
import itertools
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from parnet_zoo.errors import TrackingError
from parnet_zoo.recipe import RecipeError
from parnet_zoo.recipe.yaml_text import yaml_value
from parnet_zoo.training.sweeping.dimension import Dimension
from parnet_zoo.training.sweeping.parse_over import parse_over

Sampler = Literal["grid", "random", "tpe"]
Metric = Literal["val_accuracy", "val_loss"]
Values = dict[str, Any]
"""One combination: plain values by dotted field."""


class SweepDefinition(BaseModel):
    """Everything that a sweep's trials depend on, but for the pictures themselves.

    Attributes:
        version: Of this format.
        recipe: The recipe as one YAML text; see `flat_recipe`.
        source: What the user called it.
        settings: As `--set` takes them, for all trials.
        changes: Keyword arguments of `load_recipe`, for all trials.
        over: As `--over` takes them.
        sampler: How values are chosen.
        trials: How many there are.
        seed: Of the sampler.
        metric: What is best, at the epoch whose weights a trial keeps.
        prune: Whether trials that are far behind are given up.
        data_digest: Of the pictures' names and sizes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    recipe: str
    source: str
    settings: tuple[str, ...] = ()
    changes: dict[str, Any] = Field(default_factory=dict)
    over: tuple[str, ...]
    sampler: Sampler
    trials: int = Field(ge=1, le=10_000)
    seed: int = Field(ge=0, lt=2**32)
    metric: Metric
    prune: bool = False
    data_digest: str

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what was kept in MLflow.

        Raises:
            TrackingError: It is damaged, or of another version.
        """
        try:
            found = cls.model_validate_json(text)
            parse_over(found.over)
        except (ValidationError, RecipeError) as error:
            raise TrackingError(
                "the sweep's definition in MLflow is damaged, or of another version of parnet-zoo"
            ) from error
        return found

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What is varied."""
        return parse_over(self.over)

    @property
    def maximise(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric == "val_accuracy"

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def grid(self, number: int) -> Values:
        """The combination of a number, the last field changing fastest."""
        every = itertools.product(*(dimension.finite for dimension in self.dimensions))
        chosen = next(itertools.islice(every, number, None))
        return {dim.field: value for dim, value in zip(self.dimensions, chosen, strict=True)}


def as_settings(values: Values) -> list[str]:
    """A combination as `--set` takes it."""
    return [f"{field}={yaml_value(value)}" for field, value in values.items()]


def in_words(values: Values) -> str:
    """A combination in a line, without the sections' names."""
    return " ".join(
        f"{field.rpartition('.')[2]}={yaml_value(value)}" for field, value in values.items()
    )
