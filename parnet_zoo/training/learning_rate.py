"""The learning rate as a function of the step."""

from __future__ import annotations

import math
from typing import TypeVar

from parnet_zoo.recipe.schema.schedule import ScheduleSection

_Number = TypeVar("_Number", int, float)

FIRST = 0.04
"""First rate of `one_cycle` where the recipe has none, as a part of the full one."""
PEAK = 0.3
"""Part of the training at which `one_cycle` is at the full rate, where the recipe has none."""


def rate_at(
    step: int, *, rate: float, section: ScheduleSection, steps_per_epoch: int, total_steps: int
) -> float:
    """The learning rate of a step.

    In the n-th of w steps of warm-up, from 0, it is (n + 1) / (w + 1) of the schedule's first rate;
    `exponential`, `cosine` and `one_cycle` begin after it, while `constant` has nothing to begin
    and `step` counts the epochs from the start of the training.

    Args:
        step: Of the whole training, from 0; after the last one the rate stays as it is.
        rate: The full rate.
        section: Which schedule, and its numbers in epochs.
        steps_per_epoch: Steps an epoch.
        total_steps: Steps of the whole training.

    Returns:
        At least 0, and at most the full rate.

    Raises:
        ValueError: The section lacks a number that the schedule needs, which recipes never do.
    """
    step = min(step, total_steps)
    warmup = round(section.warmup_epochs * steps_per_epoch)
    rise = min(1.0, (step + 1) / (warmup + 1))
    after = max(step - warmup, 0)
    way = after / max(1, total_steps - warmup)
    return rate * rise * _part(section, step // steps_per_epoch, after // steps_per_epoch, way)


def _part(section: ScheduleSection, epochs: int, after_warmup: int, way: float) -> float:
    """The rate without its warm-up, as a part of the full one.

    Args:
        section: Which schedule.
        epochs: Whole epochs since the training began.
        after_warmup: Whole epochs since the warm-up ended.
        way: Part of the steps after the warm-up, from 0 to 1.
    """
    final = section.final or 0.0
    match section.name:
        case "exponential":
            return _given(section.decay) ** after_warmup
        case "step":
            return _given(section.decay) ** (epochs // _given(section.every_epochs))
        case "cosine":
            return _half_wave(1.0, final, way)
        case "one_cycle":
            first = FIRST if section.start is None else section.start
            peak = PEAK if section.peak is None else section.peak
            if way < peak:
                return _half_wave(first, 1.0, way / peak)
            return _half_wave(1.0, final, (way - peak) / (1 - peak))
        case "constant":
            return 1.0


def _half_wave(start: float, end: float, way: float) -> float:
    """From one value to another along half a cosine wave."""
    height = 0.5 * (1 + math.cos(math.pi * way))
    return start * height + end * (1 - height)


def _given(number: _Number | None) -> _Number:
    if number is None:
        raise ValueError("the schedule needs both decay and, if its name is step, every_epochs")
    return number
