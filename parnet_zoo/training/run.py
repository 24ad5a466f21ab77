"""One training run, from the recipe to the registered version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parnet_zoo.data.digits import write_digits
from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.errors import DataError
from parnet_zoo.recipe import LoadedRecipe, RecipeError, load_recipe
from parnet_zoo.recipe.data_rules import data_findings
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.signals import interruptible
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.store import connect, describe_store
from parnet_zoo.training.initial_weights import check_weights, initial_weights
from parnet_zoo.training.lead import lead
from parnet_zoo.training.plan import Plan, make_plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.run_folder import RunFolder
from parnet_zoo.training.silence import import_quietly
from parnet_zoo.training.smoke import smoke_recipe
from parnet_zoo.training.start import Start


def train(
    recipe: str | Path,
    *,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    **changes: Any,
) -> TrainResult:
    """Train a recipe, track it in MLflow, register the result.

    Args:
        recipe: A file, or the name of a shipped recipe.
        overrides: Fields to change, as `"optimizer.learning_rate=1e-3"`.
        quiet: Show nothing but warnings.
        **changes: `epochs`, `image_size`, `batch_size`, `model`, `data`, `weights`, or any field of
            a recipe, such as `time="30m"` or `smoke=True`.

    Returns:
        Where the run and the version are, and what they reached.

    Raises:
        RecipeError: The recipe is wrong; the message has one line for each mistake.
        DataError: The images are missing or cannot be used.
        CheckpointError: The weights to start from are broken, or of another network.
        TrackingError: The MLflow store does not answer, or does not have those weights.
        ParnetZooError: The training diverged, or memory or the disk was full.
        Interrupted: Ctrl-C or SIGTERM; `resume` goes on with the run.
    """
    began = Start()
    progress = Progress(quiet=quiet)
    plan = plan_training(recipe, overrides=overrides, **changes)
    progress.say("\n".join(plan.lines()))
    with interruptible(), initial_weights(plan.recipe) as weights:
        if weights is not None:
            _try(weights, plan, progress)
        connect(plan.recipe.experiment)
        for run_id in mark_dead_runs():
            progress.say(f"run {run_id} had been killed: marked so in MLflow")
        folder = RunFolder.create(plan)
        return lead(
            plan, folder.path, lambda: _tracked(plan, folder.path), weights, progress, began
        )


def _try(weights: Path, plan: Plan, progress: Progress) -> None:
    """Load the weights once before there is a run, which one of another network would only fail."""
    progress.say(f"trying the weights from {plan.recipe.model.weights}")
    import_quietly()
    from parnet_zoo.training.strategy import training_strategy

    training_strategy(plan.recipe.distribution)  # before anything is computed
    plan.recipe.spec().build(num_classes=len(plan.folder.classes), weights=weights)


def plan_training(recipe: str | Path, *, overrides: Sequence[str] = (), **changes: Any) -> Plan:
    """What `train` would do with these arguments, without importing TensorFlow.

    Raises:
        RecipeError: The recipe is wrong, or takes far more memory than there is.
        DataError: The images are missing or cannot be used.
    """
    loaded = load_recipe(recipe, overrides, **changes)
    check_weights(loaded)
    return plan_of(loaded)


def plan_of(loaded: LoadedRecipe) -> Plan:
    """The plan of a recipe, whose weights to start from nobody looks at.

    Raises:
        RecipeError: It does not fit its images, or takes far more memory than there is.
        DataError: The images are missing or cannot be used.
    """
    checked = loaded.recipe
    if checked.data.source == "digits":
        write_digits(checked.data_root)
    folder = _scan(loaded)
    if checked.smoke:
        checked = smoke_recipe(checked, len(folder.classes))
        folder = _scan(loaded, checked.data.limit)
    findings = data_findings(checked, folder.classes, len(folder.train))
    if findings:
        raise loaded.error(findings)
    plan = make_plan(checked, loaded.path, folder, describe_store())
    if plan.misfit is not None:
        raise RecipeError([loaded.problem(*plan.misfit)])
    return plan


def _scan(loaded: LoadedRecipe, limit: int | None = None) -> ImageFolder:
    """The recipe's images, or where it says which they are."""
    recipe = loaded.recipe
    try:
        return scan(
            recipe.data_root,
            validation=recipe.data.validation,
            test=recipe.data.test,
            seed=recipe.seed,
            limit=limit or recipe.data.limit,
        )
    except DataError as error:
        if recipe.data_root.exists():
            raise
        source = "--data gives another folder"
        if recipe.data.root is not None:
            source = f"{loaded.where('data.root')} names it; {source}"
        raise DataError(f"{error}\n({source})") from error


def _tracked(plan: Plan, directory: Path) -> TrackedRun:
    recipe, spec = plan.recipe, plan.recipe.spec()
    params: dict[str, Any] = dict(recipe.flattened())
    params |= {f"spec.{name}": value for name, value in _spec_params(spec).items()}
    if plan.cost is not None:
        params |= {f"cost.{name}": value for name, value in plan.cost.model_dump().items()}
    tags = {
        "parnet_zoo.recipe": recipe.name,
        "parnet_zoo.recipe_digest": recipe.digest,
        "parnet_zoo.data_digest": plan.folder.digest,
        "parnet_zoo.directory": str(directory),
        **({"parnet_zoo.smoke": "true"} if recipe.smoke else {}),
    }
    if recipe.description:
        tags["mlflow.note.content"] = recipe.description
    return TrackedRun.start(
        experiment=recipe.experiment,
        name=f"{recipe.name}-{spec.name}",
        directory=directory,
        params=params,
        tags=tags,
    )


def _spec_params(spec: Any) -> dict[str, Any]:
    """A spec's fields by dotted name, without those that say nothing about this network."""
    left_out = {"builder", "coster", "published", "hidden", "paper", "limits"}
    flat: dict[str, Any] = {}
    for name, value in spec.model_dump(mode="json", exclude=left_out).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat[name] = value
    return flat
