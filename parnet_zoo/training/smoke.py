"""A recipe made so small that all of its stages can be tried in a moment."""

from __future__ import annotations

from typing import Any

from parnet_zoo.recipe import Recipe

IMAGES_A_CLASS = 4
EPOCHS = 2
"""One might hide what goes wrong from one to the next."""


def smoke_recipe(recipe: Recipe, classes: int) -> Recipe:
    """The same stages on a handful of images: every part of the recipe is used, none for long.

    A recipe that has been made so already comes back equal.

    Args:
        recipe: Any recipe.
        classes: Number of classes of its images.
    """
    data: dict[str, Any] = recipe.model_dump(mode="json")
    limit = IMAGES_A_CLASS * classes
    batch = max(min(recipe.batch_size, limit // 2), recipe.distribution.devices or 1)
    devices = recipe.distribution.devices or 1
    data |= {
        "smoke": True,
        "time": None,
        "epochs": EPOCHS,
        "batch_size": batch // devices * devices,
    }
    data["data"]["limit"] = min(limit, recipe.data.limit or limit)
    data["early_stopping"] = None
    data["optimizer"]["accumulation"] = min(recipe.optimizer.accumulation, 2)
    schedule = data["schedule"]
    schedule["warmup_epochs"] = min(recipe.schedule.warmup_epochs, 0.5)
    schedule["head_epochs"] = min(recipe.schedule.head_epochs, 1)
    if recipe.checkpoints:
        data["checkpoints"]["every_epochs"] = 1
    return Recipe.model_validate(data)
