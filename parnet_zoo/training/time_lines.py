"""When a training is going to be done, in a plan's words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.duration import seconds_of
from parnet_zoo.training.expected_time import ExpectedTime
from parnet_zoo.training.spoken_time import spoken_time


def time_lines(
    recipe: Recipe, expected: ExpectedTime | str, now: datetime | None = None
) -> Iterator[str]:
    """Lines on the expected finish, and on the end of the time where the recipe has one.

    Args:
        recipe: What is to be done.
        expected: Its time on this machine, or why nobody can tell.
        now: When it starts.
    """
    now = now or datetime.now().astimezone()
    if recipe.time is not None:
        seconds = seconds_of(recipe.time)
        end = _clock(now, seconds)
        yield f"time            {recipe.time}, until {end}: {_fitting(seconds, expected)}"
        return
    if isinstance(expected, str):
        yield f"expected finish known after the first steps: {expected}"
        return
    stopping = recipe.early_stopping
    sooner = stopping is not None and stopping.patience < recipe.epochs
    latest = ", or earlier by early stopping" if sooner else ""
    yield (
        f"expected finish about {_clock(now, expected.seconds)}, in {spoken_time(expected.seconds)}"
        f" ({spoken_time(expected.low)} to {spoken_time(expected.high)}){latest}; measured after"
        " the first steps"
    )
    if expected.busy:
        yield (
            f"  only {expected.free:.0%} of the processor is free now; if that goes on, it takes"
            f" about {spoken_time(expected.as_busy_as_now)}"
        )


def _fitting(seconds: float, expected: ExpectedTime | str) -> str:
    if isinstance(expected, str):
        return f"as many epochs as fit, known after the first steps: {expected}"
    epochs = expected.epochs_within(seconds * expected.free if expected.busy else seconds)
    if not epochs:
        return "perhaps less than an epoch"
    return f"about {epochs} epochs" if epochs > 1 else "about 1 epoch"


def _clock(now: datetime, seconds: float) -> str:
    """The time of day, with the date where that is another one."""
    end = now + timedelta(seconds=seconds)
    return f"{end:%H:%M}" if end.date() == now.date() else f"{end:%Y-%m-%d %H:%M}"
