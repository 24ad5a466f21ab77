"""A process that works on a sweep whose trials only pretend to train.

`python -m tests.sweep_worker RUN_ID SECONDS` takes trials, each of so many seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient

from parnet_zoo.tracking.sweep_board import SweepBoard
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweeping.definition import SweepDefinition
from parnet_zoo.training.sweeping.job import TrialEnd, TrialJob
from parnet_zoo.training.sweeping.work import Work

EPOCHS = 3


def pretend(
    job: TrialJob, _folder: Path, _alive: Callable[[], None], seconds: float = 0
) -> TrialEnd:
    """A trial whose accuracy is its learning rate, and whose run is that of a real one."""
    client = MlflowClient()
    parent = client.get_run(job.parent_run_id)
    rate = float(
        next(s.partition("=")[2] for s in job.settings if s.startswith("optimizer.learning_rate"))
    )
    tags = {"mlflow.parentRunId": job.parent_run_id, "parnet_zoo.trial": str(job.number)}
    run_id = job.run_id or client.create_run(parent.info.experiment_id, tags=tags).info.run_id
    time.sleep(seconds)
    for epoch in range(1, EPOCHS + 1):
        client.log_metric(run_id, "val_accuracy", rate * epoch / EPOCHS, step=epoch)
    client.log_metric(run_id, "best_val_accuracy", rate)
    client.update_run(run_id, status="FINISHED")
    return TrialEnd(code=0)


def main() -> None:
    """Work until nothing is left."""
    run_id, seconds = sys.argv[1], float(sys.argv[2])
    board = SweepBoard.open(run_id)
    definition = SweepDefinition.from_json(board.definition())
    board.beat()

    def run(job: TrialJob, folder: Path, alive: Callable[[], None]) -> TrialEnd:
        return pretend(job, folder, alive, seconds)

    Work(board, definition, Path("recipe.yaml"), Path.cwd(), Progress(quiet=True), run).work()


if __name__ == "__main__":
    main()
