"""The network of a sweep's trial as a model in MLflow that is not registered yet."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.errors import TrackingError
from parnet_zoo.recipe import Recipe
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.sweep_child import MODEL_TAG
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.publish import Published
from parnet_zoo.training.when_back import when_back

_DELIVERY_SECONDS = 20.0


def log_trial(
    packed: Path, run: TrackedRun, recipe: Recipe, *, step: int, example: bytes, progress: Progress
) -> Published:
    """Log it; a version with an alias only comes of it if it turns out to be the best.

    Args:
        packed: What `serving.pack` wrote.
        run: The trial's run, which gets a tag with the model's address.
        recipe: The trial's.
        step: Epoch of the weights.
        example: An encoded picture.
        progress: What the person sees.

    Raises:
        TrackingError: The store stays away.
    """
    from parnet_zoo.serving.version import log_model

    name = recipe.registered_name

    def logged() -> str:
        if not run.flush(_DELIVERY_SECONDS):
            raise TrackingError(f"{run.store} has not taken all that the run logged")
        return log_model(
            packed,
            run_id=run.run_id,
            name=name,
            example=example,
            metadata={"recipe": recipe.name, "recipe_digest": recipe.digest},
            step=step,
        )

    uri = when_back(logged, progress.say)
    run.set_tags({MODEL_TAG: uri})
    return Published(model_uri=uri, name=name, version=None, alias=None)
