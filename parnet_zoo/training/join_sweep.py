"""Taking part in a sweep, or going on with one that was broken off."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.tracking.sweep_board import SweepBoard, last_sweep
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweep_result import SweepResult
from parnet_zoo.training.sweeping.definition import SweepDefinition
from parnet_zoo.training.sweeping.plan import first_plan
from parnet_zoo.training.sweeping.take_part import take_part, write_recipe


def join_sweep(
    run_id: str | None = None,
    *,
    data: Path | None = None,
    promote: bool = False,
    quiet: bool = False,
) -> SweepResult:
    """Take trials of a sweep until it has come to its end.

    Trials that have ended are not repeated. One whose process is gone goes on from its checkpoint,
    or begins anew where that is on another machine; one that a living process has is left to it.
    For a sweep that is finished it only gives the result, and promotes the best if that is wanted.

    Args:
        run_id: MLflow's id of the sweep's run, in the store of this process; None: the last one
            that was begun in this folder and has not finished.
        data: The pictures, where they lie elsewhere on this machine.
        promote: Whether the best trial's network is registered, and promoted as `promote` does.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: There is no such sweep.
        RecipeError: Its recipe cannot be used here.
        DataError: The images are missing, or are others than those of the sweep.
        TrackingError: The store does not answer.
        Interrupted: As `sweep`.
    """
    progress = Progress(quiet=quiet)
    board = SweepBoard.open(run_id or _last())
    definition = SweepDefinition.from_json(board.definition())
    if data is not None:
        changes = {**definition.changes, "data": str(data)}
        definition = definition.model_copy(update={"changes": changes})
    if board.standing().status != "FINISHED":
        _check(board, definition)
        progress.say(f"sweep {board.run_id} of {definition.source}, {definition.trials} trials")
    return take_part(board, definition, promote=promote, progress=progress)


def _last() -> str:
    found = last_sweep(Path.cwd())
    if found is None:
        raise UsageError(
            f"no sweep that was begun in {Path.cwd()} is left to go on with; parnet-zoo sweep"
            " RECIPE --over FIELD=VALUES begins one"
        )
    return found


def _check(board: SweepBoard, definition: SweepDefinition) -> None:
    """Compare the images that are here to those that the sweep began with."""
    plan = first_plan(definition, write_recipe(board.run_id, definition))
    if plan.folder.digest != definition.data_digest:
        raise DataError(
            f"the images in {plan.folder.root} are others than those that the sweep began with, so"
            " that its trials could not be compared; --data names another folder"
        )
