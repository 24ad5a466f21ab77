"""Seeds and determinism of one training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parnet_zoo.recipe import Recipe

GOVERNED = (
    "initial weights",
    "dropout",
    "order of the training images in each epoch",
    "augmentation and mixing of each image in each epoch",
    "split of validation and test images, and the choice under data.limit",
)
"""What a recipe's seed decides."""


def seed_everything(seed: int, *, deterministic: bool) -> None:
    """Seed Python, NumPy and Keras; on request make every TensorFlow op deterministic.

    Determinism is a switch of the whole process that TensorFlow cannot undo, and some ops get
    slower.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def reproducibility(recipe: Recipe) -> dict[str, Any]:
    """What a run's numbers depend on besides its images, for its record."""
    from parnet_zoo.data.cores import worker_count

    return {
        "seed": recipe.seed,
        "governs": list(GOVERNED),
        "deterministic": recipe.deterministic,
        "precision": recipe.precision,
        "distribution": recipe.distribution.model_dump(mode="json"),
        "threads": worker_count(),
    }
