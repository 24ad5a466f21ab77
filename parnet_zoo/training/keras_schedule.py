"""The learning rate as one of Keras' schedules."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
from keras import ops

from parnet_zoo.recipe.schema.schedule import ScheduleSection

Rate: TypeAlias = Any
"""A float, or a `keras.optimizers.schedules.LearningRateSchedule`."""


def learning_rate(
    rate: float, section: ScheduleSection, *, epochs: int, steps_per_epoch: int
) -> Rate:
    """The schedule of a recipe, in steps.

    Args:
        rate: The full rate.
        section: Which schedule, and its numbers in epochs.
        epochs: Epochs of the whole training.
        steps_per_epoch: Steps an epoch.
    """
    schedules = keras.optimizers.schedules
    warmup = round(section.warmup_epochs * steps_per_epoch)
    main: Rate = rate
    if section.name == "cosine":
        main = schedules.CosineDecay(rate, max(1, epochs * steps_per_epoch - warmup))
    elif section.name == "exponential":
        main = schedules.ExponentialDecay(rate, steps_per_epoch, section.decay, staircase=True)
    return WarmUp(main, warmup) if warmup else main


@keras.saving.register_keras_serializable(package="parnet_zoo")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from zero, after which another schedule begins.

    Args:
        after: Rate or schedule; its step 0 is the first step after the warm-up.
        steps: Steps of the rise; in step n, from 0, the rate is (n + 1) / (steps + 1) of the full.
    """

    def __init__(self, after: Rate, steps: int) -> None:
        super().__init__()
        self.after = after
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """The rate in a step, a float32 scalar."""
        step = ops.cast(step, "float32")
        rise = ops.minimum(1.0, (step + 1) / (self.steps + 1))
        later = ops.maximum(step - self.steps, 0.0)
        rate = self.after(later) if callable(self.after) else self.after
        return rise * rate

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        after = keras.saving.serialize_keras_object(self.after)
        return {"after": after, "steps": self.steps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WarmUp:
        """Rebuild from `get_config`."""
        return cls(keras.saving.deserialize_keras_object(config["after"]), config["steps"])
