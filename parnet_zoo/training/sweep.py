"""Several trainings that differ in some fields, to see which values are best."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parnet_zoo.recipe.yaml_text import yaml_value
from parnet_zoo.tracking.provenance import provenance_tags
from parnet_zoo.tracking.sweep_board import FOLDER_TAG, SWEEP_TAG, SweepBoard
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweep_result import SweepResult
from parnet_zoo.training.sweeping.definition import Metric, Sampler
from parnet_zoo.training.sweeping.plan import SweepPlan, SweepRequest, plan_sweep
from parnet_zoo.training.sweeping.take_part import take_part


def sweep(
    recipe: str | Path,
    over: Sequence[str] | Mapping[str, Sequence[Any]],
    *,
    sampler: Sampler = "grid",
    trials: int | None = None,
    seed: int = 0,
    metric: Metric = "val_accuracy",
    prune: bool = False,
    promote: bool = False,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    **changes: Any,
) -> SweepResult:
    """Train a recipe with one combination of values after another, each as a nested MLflow run.

    Every combination is checked before the first is trained. Each trial has a process of its own;
    one that fails does not end the sweep. Other processes can take part meanwhile, and go on with
    it after this one has ended: see `join_sweep`.

    Args:
        recipe: A file, or the name of a shipped recipe.
        over: What is varied: texts such as `"optimizer.learning_rate=1e-3,3e-4"` or
            `"optimizer.learning_rate=log:1e-4..1e-2"`, or lists of values by dotted field.
        sampler: `grid` trains every combination; `random` draws; `tpe` learns from the trials so
            far (Optuna's tree-structured Parzen estimator).
        trials: How many, for `random` and `tpe`.
        seed: Of the sampler; the trainings' own is the recipe's.
        metric: What is best, `val_accuracy` or `val_loss`, at the epoch whose weights are kept.
        prune: Whether trials that are far behind the others are given up (Optuna's median rule).
        promote: Whether the best trial's network is registered, and promoted as `promote` does.
        overrides: Fields for all trials, as `"epochs=10"`.
        quiet: Show nothing but warnings.
        **changes: As of `train`, for all trials.

    Returns:
        All trials, and which is best.

    Raises:
        RecipeError: Some combination is wrong; the message has one line for each mistake.
        UsageError: The sampler does not fit the number of trials.
        DataError: The images are missing or cannot be used.
        TrackingError: The MLflow store does not answer.
        Interrupted: Ctrl-C or SIGTERM; `join_sweep` goes on with the sweep.
    """
    progress = Progress(quiet=quiet)
    given = {name: value for name, value in changes.items() if value is not None}
    request = SweepRequest(
        recipe=recipe,
        over=_texts(over),
        sampler=sampler,
        trials=trials,
        seed=seed,
        metric=metric,
        prune=prune,
        settings=tuple(overrides),
        changes=given,
    )
    plan = plan_sweep(request)
    progress.say("\n".join(plan.lines()))
    board = _begun(plan)
    progress.say(
        f"sweep {board.run_id}; to take part from another process or machine:"
        f" parnet-zoo sweep --join {board.run_id}"
    )
    return take_part(board, plan.definition, promote=promote, progress=progress)


def _texts(over: Sequence[str] | Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    if isinstance(over, str):
        return (over,)
    if isinstance(over, Mapping):
        return tuple(
            f"{field}={','.join(yaml_value(value) for value in values)}"
            for field, values in over.items()
        )
    return tuple(over)


def _begun(plan: SweepPlan) -> SweepBoard:
    """The sweep's run, with what describes it."""
    definition, first = plan.definition, plan.plans[0].recipe
    space = {dimension.field: str(dimension) for dimension in definition.dimensions}
    tags = provenance_tags(Path.cwd()) | {
        SWEEP_TAG: json.dumps(space),
        "parnet_zoo.sweep_digest": definition.digest,
        "parnet_zoo.recipe": first.name,
        "parnet_zoo.data_digest": definition.data_digest,
        FOLDER_TAG: str(Path.cwd()),
        "mlflow.note.content": _note(definition.source, space),
    }
    if first.smoke:
        tags["parnet_zoo.smoke"] = "true"
    params = {
        "sweep.sampler": definition.sampler,
        "sweep.trials": str(definition.trials),
        "sweep.seed": str(definition.seed),
        "sweep.metric": definition.metric,
        "sweep.prune": str(definition.prune),
    } | {f"sweep.over.{field}": values for field, values in space.items()}
    return SweepBoard.create(
        experiment=first.experiment,
        name=f"{first.name}-sweep",
        definition=definition.model_dump_json(),
        params=params,
        tags=tags,
    )


def _note(source: str, space: Mapping[str, str]) -> str:
    """What MLflow's page shows at the top."""
    lines = [f"Sweep of `{source}` over", ""]
    lines += [f"- `{field}`: {values}" for field, values in space.items()]
    return "\n".join([*lines, "", "`trials.csv` and `figures/sweep.png` show which values win."])
