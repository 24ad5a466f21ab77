"""Going on with a run that was broken off."""

from __future__ import annotations

import shutil
from pathlib import Path

from parnet_zoo.errors import UsageError
from parnet_zoo.recipe import load_recipe
from parnet_zoo.tracking.ended import EndedRun, ended_run
from parnet_zoo.tracking.left_behind import LeftRun, left_runs
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.signals import interruptible
from parnet_zoo.training.fit_files import has_checkpoint
from parnet_zoo.training.initial_weights import check_weights, initial_weights
from parnet_zoo.training.lead import lead
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.run import plan_of
from parnet_zoo.training.run_folder import RECIPE, RUNS, RunFolder, broken_off
from parnet_zoo.training.start import Start


def resume(run_id: str | None = None, *, quiet: bool = False) -> TrainResult | EndedRun:
    """Go on with a run of the working directory from its last checkpoint, to its end.

    It stays the same MLflow run; no metric is logged twice. With `deterministic: true` in its
    recipe its weights are, bit for bit, those of a run that was never broken off, on one machine.

    Args:
        run_id: MLflow's id of the run; None: the last one that was interrupted.
        quiet: Show nothing but warnings.

    Returns:
        What `train` would have returned; or, for a run that has its end behind it, which that is.

    Raises:
        UsageError: There is no such run here, or its recipe has changed.
        DataError: Its images have changed.
        TrackingError: Another process is working on it, or its store does not answer.
        ParnetZooError: As `train`.
    """
    began = Start()
    progress = Progress(quiet=quiet)
    left = broken_off(run_id)
    if left is None:
        return _ended(run_id)
    if left.status == "FINISHED":
        _deliver(left)
        return ended_run(left.run_id) or EndedRun(run_id=left.run_id, status=left.status)
    plan = _plan(left.directory)
    progress.say("\n".join(plan.lines()))
    with interruptible():
        return _go_on(left, plan, progress, began)


def _plan(directory: Path) -> Plan:
    """What the run began with; the weights that it started from may have gone since."""
    folder = RunFolder(directory)
    folder.check_recipe()
    loaded = load_recipe(directory / RECIPE)
    if not has_checkpoint(directory):
        check_weights(loaded)
    plan = plan_of(loaded)
    folder.check_images(plan)
    return plan


def _go_on(left: LeftRun, plan: Plan, progress: Progress, began: Start) -> TrainResult:
    def open_run() -> TrackedRun:
        return TrackedRun.resume(left.directory)

    if has_checkpoint(left.directory):
        return lead(plan, left.directory, open_run, None, progress, began)
    with initial_weights(plan.recipe) as weights:
        return lead(plan, left.directory, open_run, weights, progress, began)


def _deliver(left: LeftRun) -> None:
    """Bring what a finished run could not log to its store."""
    if not TrackedRun.deliver(left.directory):
        shutil.rmtree(left.directory, ignore_errors=True)


def _ended(run_id: str | None) -> EndedRun:
    """What to say where no run of the working directory is to go on."""
    here = Path.cwd() / RUNS
    if run_id is None:
        found = ended_run(None, below=here)
        busy = [run.run_id for run in left_runs(RUNS) if run.in_work]
        if busy:
            raise UsageError(f"another process is working on run {busy[-1]}; nothing else is left")
        if found is None:
            raise UsageError(f"no run was broken off in {here}; parnet-zoo train RECIPE begins one")
        return found
    found = ended_run(run_id)
    if found is None or found.status != "FINISHED":
        hint = "resume it in the folder in which it was started"
        if found and found.directory:
            hint = f"it was started in {found.directory}: resume it there"
        raise UsageError(f"there is nothing of a run {run_id} in {here}; {hint}")
    return found
