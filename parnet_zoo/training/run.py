"""One training run, from the recipe to the registered version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parnet_zoo.data.digits import write_digits
from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.errors import DataError, StoreAwayError
from parnet_zoo.recipe import LoadedRecipe, RecipeError, load_recipe
from parnet_zoo.recipe.data_rules import data_findings
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.signals import interruptible
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.store import connect, describe_store
from parnet_zoo.tracking.sweep_child import NUMBER_TAG, PARENT_TAG
from parnet_zoo.training.initial_weights import check_weights, initial_weights
from parnet_zoo.training.lead import lead
from parnet_zoo.training.plan import Plan, make_plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.run_folder import RunFolder
from parnet_zoo.training.silence import import_quietly
from parnet_zoo.training.smoke import smoke_recipe
from parnet_zoo.training.start import Start
from parnet_zoo.training.trial import TrialOf


def train(
    recipe: str | Path,
    *,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    offline: bool = False,
    trial: TrialOf | None = None,
    **changes: Any,
) -> TrainResult:
    """Train a recipe, track it in MLflow, register the result.

    Args:
        recipe: A file, or the name of a shipped recipe.
        overrides: Fields to change, as `"optimizer.learning_rate=1e-3"`.
        quiet: Show nothing but warnings.
        offline: Ask no MLflow store; everything waits in the run's folder for `sync`.
        trial: Which trial of a sweep it is, if it is one; see `sweep`.
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
        TrialPruned: The trial was given up; its run is FINISHED.
    """
    began = Start()
    progress = Progress(quiet=quiet)
    plan = plan_training(recipe, overrides=overrides, offline=offline, **changes)
    progress.say("\n".join(plan.lines()))
    with interruptible(), initial_weights(plan.recipe) as weights:
        if weights is not None:
            _try(weights, plan, progress)
        if not offline:
            _connect(plan)
            for run_id in mark_dead_runs():
                progress.say(f"run {run_id} had been killed: marked so in MLflow")
        path = RunFolder.create(plan, trial).path

        def open_run() -> TrackedRun:
            return _tracked(plan, path, trial, offline=offline)

        return lead(plan, path, open_run, weights, progress, began, trial)


def _connect(plan: Plan) -> None:
    """See that the store is there, before anything begins."""
    try:
        connect(plan.recipe.experiment)
    except StoreAwayError as error:
        raise StoreAwayError(
            f"{error}; or train without it now (--offline), and let `parnet-zoo sync` deliver later"
        ) from error


def _try(weights: Path, plan: Plan, progress: Progress) -> None:
    """Load the weights once before there is a run, which one of another network would only fail."""
    progress.say(f"trying the weights from {plan.recipe.model.weights}")
    import_quietly()
    from parnet_zoo.training.strategy import training_strategy

    training_strategy(plan.recipe.distribution)  # before anything is computed
    plan.recipe.spec().build(num_classes=len(plan.folder.classes), weights=weights)


def plan_training(
    recipe: str | Path, *, overrides: Sequence[str] = (), offline: bool = False, **changes: Any
) -> Plan:
    """What `train` would do with these arguments, without importing TensorFlow.

    Raises:
        RecipeError: The recipe is wrong, takes far more memory than there is, or is to be trained
            offline from weights that are in MLflow.
        DataError: The images are missing or cannot be used.
    """
    loaded = load_recipe(recipe, overrides, **changes)
    check_weights(loaded, offline=offline)
    return plan_of(loaded, offline=offline)


def plan_of(
    loaded: LoadedRecipe,
    *,
    offline: bool = False,
    look: Callable[[LoadedRecipe, int | None], ImageFolder] | None = None,
) -> Plan:
    """The plan of a recipe, whose weights to start from nobody looks at.

    Args:
        loaded: The recipe.
        offline: Whether no store is asked.
        look: Gives its images and takes a limit, as `images_of`, which it is by default.

    Raises:
        RecipeError: It does not fit its images, or takes far more memory than there is.
        DataError: The images are missing or cannot be used.
    """
    checked = loaded.recipe
    if checked.data.source == "digits":
        write_digits(checked.data_root)
    look = look or images_of
    folder = look(loaded, None)
    if checked.smoke:
        checked = smoke_recipe(checked, len(folder.classes))
        folder = look(loaded, checked.data.limit)
    findings = data_findings(checked, folder.classes, len(folder.train))
    if findings:
        raise loaded.error(findings)
    store = describe_store()
    if offline:
        store = f"{store} (offline: not before parnet-zoo sync)"
    plan = make_plan(checked, loaded.path, folder, store)
    if plan.misfit is not None:
        raise RecipeError([loaded.problem(*plan.misfit)])
    return plan


def images_of(loaded: LoadedRecipe, limit: int | None = None) -> ImageFolder:
    """The recipe's images.

    Raises:
        DataError: They are missing or cannot be used; the message says who names them.
    """
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


def _tracked(plan: Plan, directory: Path, trial: TrialOf | None, *, offline: bool) -> TrackedRun:
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
    name = f"{recipe.name}-{spec.name}"
    if recipe.description:
        tags["mlflow.note.content"] = recipe.description
    if trial is not None:
        tags |= {PARENT_TAG: trial.parent_run_id, NUMBER_TAG: str(trial.number)}
        name = f"{trial.number:03d}-{name}"
    return TrackedRun.start(
        experiment=recipe.experiment,
        name=name,
        directory=directory,
        params=params,
        tags=tags,
        offline=offline,
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
