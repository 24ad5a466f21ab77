"""This process' part of a sweep, from its board to the result."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from parnet_zoo.errors import TrackingError
from parnet_zoo.recipe import load_recipe
from parnet_zoo.tracking.signals import interruptible
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.sweep_board import SweepBoard
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweep_result import SweepResult
from parnet_zoo.training.sweeping.definition import SweepDefinition, as_settings
from parnet_zoo.training.sweeping.promote_best import promote_best
from parnet_zoo.training.sweeping.results import Results
from parnet_zoo.training.sweeping.run_trial import run_trial
from parnet_zoo.training.sweeping.work import Work

SWEEPS = Path(".parnet-zoo") / "sweeps"
"""Where their recipes are, below the working directory."""


def take_part(
    board: SweepBoard, definition: SweepDefinition, *, promote: bool, progress: Progress
) -> SweepResult:
    """Work on a sweep to its end.

    Args:
        board: The sweep's.
        definition: The sweep.
        promote: Whether the best trial's network becomes a version, and champion if it deserves it.
        progress: What the person sees.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; everything can be gone on with.
        TrackingError: The store does not answer, or refuses.
    """
    recipe = write_recipe(board.run_id, definition)
    work = Work(board, definition, recipe, Path.cwd(), progress, run_trial)
    try:
        with interruptible():
            if board.standing().status != "FINISHED":
                mark_dead_runs()
                board.beat()
            rows = work.work()
    except KeyboardInterrupt:
        with suppress(TrackingError):
            board.leave()
        progress.warn(f"the sweep can be gone on with: parnet-zoo sweep --resume {board.run_id}")
        raise
    best = Results(definition).best(rows)
    promotion = None
    if promote and best is not None:
        settings = [*definition.settings, *as_settings(best.values)]
        trained = load_recipe(recipe, settings, **definition.changes).recipe
        promotion = promote_best(best, trained.registered_name, quiet=progress.quiet)
    return SweepResult(
        run_id=board.run_id,
        experiment_id=board.experiment_id,
        tracking_uri=board.store,
        metric=definition.metric,
        trials=tuple(rows),
        best=best,
        promotion=promotion,
    )


def write_recipe(run_id: str, definition: SweepDefinition) -> Path:
    """Put the sweep's recipe where its trials read it.

    Raises:
        TrackingError: The folder cannot be written.
    """
    path = (SWEEPS / run_id / "recipe.yaml").resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(definition.recipe, encoding="utf-8")
    except OSError as error:
        raise TrackingError(f"{path} cannot be written: {error.strerror}") from error
    return path
