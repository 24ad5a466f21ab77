"""What must hold between a schedule's fields and the length of the training."""

from collections.abc import Iterator

from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.schedule import ScheduleSection
from registry.field_path import FieldPath

_EPOCHS: FieldPath = ("epochs",)
_NAME: FieldPath = ("schedule", "name")
_WARMUP: FieldPath = ("schedule", "warmup_epochs")
_HEAD: FieldPath = ("schedule", "head_epochs")
_BELONG = {
    "decay": ("exponential", "step"),
    "every_epochs": ("step",),
    "start": ("one_cycle",),
    "peak": ("one_cycle",),
    "final": ("cosine", "one_cycle"),
}
"""The schedules that have a field."""
_NEEDED = {"decay": "0.95", "every_epochs": "30"}
"""The fields without a default of their own, and an example of each."""


def check_schedule(schedule: ScheduleSection, epochs: int | None) -> Iterator[Finding]:
    """Its parts end before the training, and its numbers belong to it.

    Args:
        schedule: The section.
        epochs: Of the training; None where the clock decides how many fit.
    """
    yield from _numbers(schedule)
    if epochs is not None:
        yield from _lengths(schedule, epochs)


def _numbers(schedule: ScheduleSection) -> Iterator[Finding]:
    for key, owners in _BELONG.items():
        path: FieldPath = ("schedule", key)
        given = getattr(schedule, key) is not None
        if given and schedule.name not in owners:
            word = "decay" if key == "decay" else f"such number as {key}"
            message = (
                f"the {schedule.name} schedule has no {word}; remove it or use"
                f" {' or '.join(owners)}"
            )
            yield Finding(path, message, (path, _NAME))
        if not given and schedule.name in owners and key in _NEEDED:
            message = f"the {schedule.name} schedule needs it; for example {_NEEDED[key]}"
            yield Finding(path, message, (path, _NAME))


def _lengths(schedule: ScheduleSection, epochs: int) -> Iterator[Finding]:
    warmup, head = schedule.warmup_epochs, schedule.head_epochs
    fits = f"does not fit into a training of {epochs}; it must be shorter"
    if warmup >= epochs:
        yield Finding(_WARMUP, f"a warm-up of {warmup:g} epochs {fits}", (_WARMUP, _EPOCHS))
    if head >= epochs:
        message = f"training the head alone for {head} epochs {fits}"
        yield Finding(_HEAD, message, (_HEAD, _EPOCHS))
