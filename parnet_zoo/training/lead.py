"""A tracked run from its opening to its end, whatever that is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from parnet_zoo.errors import DivergenceError
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.sweep_child import PRUNED_TAG
from parnet_zoo.training.conductor import Conductor
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.publish import NotRegisteredError
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.start import Start
from parnet_zoo.training.trial import TrialOf, TrialPruned


def lead(
    plan: Plan,
    directory: Path,
    open_run: Callable[[], TrackedRun],
    weights: Path | None,
    progress: Progress,
    began: Start,
    trial: TrialOf | None = None,
) -> TrainResult:
    """Conduct a run; a broken-off one says how to go on with it.

    Args:
        plan: What is to be done.
        directory: The run's own, which is removed when nothing in it is needed any more.
        open_run: Begins the run, or goes on with it.
        weights: File of weights that a new training starts from.
        progress: What the person sees.
        began: The start of the command.
        trial: Which trial of a sweep it is, if it is one.

    Raises:
        ParnetZooError: See `train`.
        TrialPruned: The trial was given up; its run is FINISHED.
        Interrupted: See `train`.
    """
    run = None
    try:
        with open_run() as run:
            progress.say(f"run {run.run_id} of experiment {run.experiment}")
            result = _result(Conductor(plan, run, progress, weights, began, trial))
    except BaseException as error:
        if run is not None:
            progress.warn(_farewell(run, error))
        raise
    if run.offline:
        progress.warn(
            f"offline: {run.undelivered} entries and the version of run {run.run_id} wait in"
            f" {directory}; to bring them to {run.store}: parnet-zoo sync {run.run_id}"
        )
    elif not run.undelivered:
        shutil.rmtree(directory, ignore_errors=True)
    if isinstance(result, TrialPruned):
        raise result
    return result.model_copy(update={"seconds": began.seconds()})


def _result(conductor: Conductor) -> TrainResult | TrialPruned:
    """What came of it; a trial that is given up has ended as it should."""
    try:
        return conductor.conduct()
    except TrialPruned as pruned:
        conductor.run.set_tags({PRUNED_TAG: str(pruned.epoch)})
        return pruned


def _farewell(run: TrackedRun, error: BaseException) -> str:
    """What has become of a run that did not come to its end, and how to go on with it."""
    status = "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"
    where = "in its journal only" if run.offline else "in MLflow"
    said = f"the run is {status} {where}; what it has left is in {run.directory}"
    if isinstance(error, DivergenceError | NotRegisteredError):  # a repetition, or it says how
        return said
    flag = " --offline" if run.offline else ""
    return f"{said}; to go on with it: parnet-zoo resume{flag} {run.run_id}"
