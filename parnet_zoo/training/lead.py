"""A tracked run from its opening to its end, whatever that is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from parnet_zoo.errors import DivergenceError
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.training.conductor import Conductor
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.start import Start


def lead(
    plan: Plan,
    directory: Path,
    open_run: Callable[[], TrackedRun],
    weights: Path | None,
    progress: Progress,
    began: Start,
) -> TrainResult:
    """Conduct a run; a broken-off one says how to go on with it.

    Args:
        plan: What is to be done.
        directory: The run's own, which is removed when nothing in it is needed any more.
        open_run: Begins the run, or goes on with it.
        weights: File of weights that a new training starts from.
        progress: What the person sees.
        began: The start of the command.

    Raises:
        ParnetZooError: See `train`.
        Interrupted: See `train`.
    """
    run_id = None
    try:
        with open_run() as run:
            run_id = run.run_id
            progress.say(f"run {run_id} of experiment {run.experiment}")
            result = Conductor(plan, run, progress, weights, began).conduct()
    except BaseException as error:
        if run_id is not None:
            status = "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"
            again = "" if isinstance(error, DivergenceError) else _how_to_go_on(run_id)
            progress.warn(
                f"the run is {status} in MLflow; what it has left is in {directory}{again}"
            )
        raise
    if not run.undelivered:
        shutil.rmtree(directory, ignore_errors=True)
    return result.model_copy(update={"seconds": began.seconds()})


def _how_to_go_on(run_id: str) -> str:
    return f"; to go on with it: parnet-zoo resume {run_id}"
