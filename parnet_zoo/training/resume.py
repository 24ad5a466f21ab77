"""Going on with a run that was broken off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parnet_zoo.errors import TrackingError, UsageError
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
from parnet_zoo.training.sync_run import sync_run
from parnet_zoo.training.trial import TrialOf


def resume(
    run_id: str | None = None,
    *,
    quiet: bool = False,
    offline: bool = False,
    trial: TrialOf | None = None,
) -> TrainResult | EndedRun:
    """Go on with a run of the working directory from its last checkpoint, to its end.

    It stays the same MLflow run; no metric is logged twice. With `deterministic: true` in its
    recipe its weights are, bit for bit, those of a run that was never broken off, on one machine.

    Args:
        run_id: MLflow's id of the run, or the local one of a run that MLflow does not know yet;
            None: the last one that was interrupted.
        quiet: Show nothing but warnings.
        offline: Ask no MLflow store; what the run logs waits in its folder for `sync`. A run that
            began offline can go on online, and the reverse.
        trial: Which trial of a sweep it is; what the run's folder says by default.

    Returns:
        What `train` would have returned; or, for a run that has its end behind it, which that is.

    Raises:
        UsageError: There is no such run here, or its recipe has changed.
        DataError: Its images have changed.
        TrackingError: Another process is working on it, or its store does not answer.
        ParnetZooError: As `train`.
        TrialPruned: As `train`.
    """
    began = Start()
    progress = Progress(quiet=quiet)
    left = broken_off(run_id)
    if left is None:
        return _ended(run_id, offline=offline)
    if left.status == "FINISHED":
        return _deliver(left, progress, offline=offline)
    plan = _plan(left.directory, offline=offline)
    progress.say("\n".join(plan.lines()))
    trial = trial or TrialOf.read(left.directory)

    def open_run() -> TrackedRun:
        return TrackedRun.resume(left.directory, offline=offline)

    with interruptible(), _weights(left.directory, plan) as weights:
        return lead(plan, left.directory, open_run, weights, progress, began, trial)


def _plan(directory: Path, *, offline: bool) -> Plan:
    """What the run began with; the weights that it started from may have gone since."""
    folder = RunFolder(directory)
    folder.check_recipe()
    loaded = load_recipe(directory / RECIPE)
    if not has_checkpoint(directory):
        check_weights(loaded, offline=offline)
    plan = plan_of(loaded, offline=offline)
    folder.check_images(plan)
    return plan


@contextmanager
def _weights(directory: Path, plan: Plan) -> Iterator[Path | None]:
    """The weights that the training starts from, unless a checkpoint has taken their place."""
    if has_checkpoint(directory):
        yield None
        return
    with initial_weights(plan.recipe) as weights:
        yield weights


def _deliver(left: LeftRun, progress: Progress, *, offline: bool) -> EndedRun:
    """Bring what a finished run could not log to its store."""
    if offline:
        raise UsageError(
            f"run {left.run_id} has come to its end; parnet-zoo sync {left.run_id} brings it to"
            " MLflow when there is a connection"
        )
    with interruptible():
        synced = sync_run(left, progress)
    if synced.reason:
        raise TrackingError(synced.reason)
    return ended_run(synced.run_id) or EndedRun(run_id=synced.run_id, status=synced.status)


def _ended(run_id: str | None, *, offline: bool) -> EndedRun:
    """What to say where no run of the working directory is to go on."""
    here = Path.cwd() / RUNS
    if offline:
        which = "no run" if run_id is None else f"no run {run_id}"
        raise UsageError(f"{which} was broken off in {here}; MLflow is not asked offline")
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
