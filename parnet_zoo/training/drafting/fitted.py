"""What training a network on these pictures takes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from parnet_zoo.recipe import Recipe
from parnet_zoo.training.drafting.machine import Machine
from parnet_zoo.training.drafting.pictures import Pictures
from parnet_zoo.training.expected_time import ExpectedTime, expected_time
from parnet_zoo.training.memory import TrainingMemory

SPARE = 0.85
"""Part of the memory that is left that is counted on."""
IN_TIME = 0.95
"""Part of the time that is counted on."""
_BATCHES = ((64, 300), (32, 20), (16, 20))
"""Sizes of batches, and the steps an epoch from which on each is taken."""
_SMALLEST_BATCH = 8
_COUNTED = 100
"""Epochs to count with; what they cost is in proportion."""


@dataclass(frozen=True)
class Fitted:
    """A network on this machine.

    Attributes:
        model: The recipe's section.
        progressive: The recipe's stages of smaller images.
        batch_size: Images a step.
        epochs: That fit into the time, at most as many as are wanted; 0 if none does, and all that
            are wanted where nobody can tell.
        precision: As the recipe has it.
        epoch_seconds: Of one epoch with its validation; None where nobody can tell.
        memory: In bytes, that the machine's own memory must have.
        fits_memory: Whether it has them.
    """

    model: dict[str, Any]
    progressive: list[dict[str, Any]]
    batch_size: int
    epochs: int
    precision: str
    epoch_seconds: float | None
    memory: float
    fits_memory: bool

    @classmethod
    def of(
        cls,
        model: dict[str, Any],
        progressive: Sequence[dict[str, Any]],
        *,
        pictures: Pictures,
        machine: Machine,
        seconds: float,
        wanted: int,
    ) -> Self:
        """Count it.

        Args:
            model: The recipe's section.
            progressive: The recipe's stages of smaller images.
            pictures: What is to be learnt.
            machine: What it is learnt on.
            seconds: Time for the whole training.
            wanted: Epochs that would be good.
        """
        room = SPARE * machine.memory.available
        batch_size = _batch_for(pictures.train)
        recipe = _to_count_with(model, progressive, batch_size)
        while batch_size > _SMALLEST_BATCH and _memory(recipe, pictures) > room:
            batch_size //= 2
            recipe = _to_count_with(model, progressive, batch_size)
        precision, time = _faster(recipe, pictures, machine)
        memory = _memory(recipe, pictures)
        return cls(
            model=model,
            progressive=list(progressive),
            batch_size=batch_size,
            epochs=min(wanted, time.epochs_within(IN_TIME * seconds)) if time else wanted,
            precision=precision,
            epoch_seconds=(time.training + time.validation) / time.epochs if time else None,
            memory=memory,
            fits_memory=memory <= room,
        )


def _batch_for(train: int) -> int:
    return next((size for size, steps in _BATCHES if train >= size * steps), _SMALLEST_BATCH)


def _to_count_with(
    model: dict[str, Any], progressive: Sequence[dict[str, Any]], batch_size: int
) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "draft",
            "epochs": _COUNTED,
            "batch_size": batch_size,
            "model": model,
            "progressive": progressive,
        }
    )


def _memory(recipe: Recipe, pictures: Pictures) -> float:
    classes, folder = len(pictures.classes), pictures.folder
    cost = recipe.spec().cost(num_classes=classes, form="training")
    images = len(folder.train) + len(folder.validation)
    return TrainingMemory.of(recipe, cost, classes=classes, images=images).main_bytes


def _faster(
    recipe: Recipe, pictures: Pictures, machine: Machine
) -> tuple[str, ExpectedTime | None]:
    """`auto`, or float32 where that is expected to be faster; and the time that it takes."""
    time = time_of(recipe, pictures, machine)
    plain = time_of(recipe.model_copy(update={"precision": "float32"}), pictures, machine)
    if time and plain and plain.training < time.training:
        return "float32", plain
    return "auto", time


def time_of(recipe: Recipe, pictures: Pictures, machine: Machine) -> ExpectedTime | None:
    """The time of a training on these pictures; None where nobody can tell."""
    classes, folder = len(pictures.classes), pictures.folder
    found = expected_time(
        recipe,
        recipe.spec().cost(num_classes=classes, form="training"),
        classes=classes,
        train=len(folder.train),
        validation=len(folder.validation),
        test=len(folder.test) if folder.test else 0,
        speed=machine.speed,
    )
    return None if isinstance(found, str) else found
