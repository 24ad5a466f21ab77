"""Everything that runs have left in this folder, brought to MLflow."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from parnet_zoo.errors import UsageError
from parnet_zoo.tracking.left_behind import LeftRun, left_runs
from parnet_zoo.tracking.signals import interruptible
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.run_folder import RUNS
from parnet_zoo.training.sync_run import SyncedRun, sync_run


class SyncReport(BaseModel):
    """What `sync` did.

    Attributes:
        runs: In the order in which they began.
        complete: Whether nothing is left; what another process is working on does not count, unless
            that run was asked for.
    """

    model_config = ConfigDict(frozen=True)

    runs: tuple[SyncedRun, ...]
    complete: bool


def sync(run_id: str | None = None, *, quiet: bool = False) -> SyncReport:
    """Deliver what runs in the working directory have logged while their store was away.

    Everything arrives in its order and once, also where an earlier delivery was broken off. A run
    that was trained offline is created, with its own start and end; a trained network without a
    version is registered. Runs that another process is working on are left alone.

    Args:
        run_id: MLflow's id, the local id or the folder of a run; None: all.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: There is no such run here.
        Interrupted: Ctrl-C or SIGTERM; the next call goes on.
    """
    progress = Progress(quiet=quiet)
    done: list[SyncedRun] = []
    with interruptible():
        for left in _wanted(run_id):
            done.append(sync_run(left, progress))
            progress.say(_said(done[-1]))
    failed = {"left"} if run_id is None else {"left", "in_work"}
    return SyncReport(runs=tuple(done), complete=not any(run.outcome in failed for run in done))


def _wanted(run_id: str | None) -> list[LeftRun]:
    every = left_runs(RUNS)
    if run_id is None:
        return every
    folder = Path(run_id).resolve()
    found = [run for run in every if run_id in (run.run_id, run.local_id)]
    found = found or [run for run in every if run.directory == folder]
    if not found:
        raise UsageError(
            f"there is nothing of a run {run_id} in {RUNS.resolve()}: either MLflow has all of it,"
            " or it was started in another folder"
        )
    return found


def _said(run: SyncedRun) -> str:
    known = "" if run.run_id == run.local_id else f" ({run.local_id})"
    begin = f"run {run.run_id}{known}:"
    if run.outcome == "in_work":
        return f"{begin} left alone, {run.reason}"
    parts = [f"{count} {kind}" for kind, count in sorted(run.delivered.items())]
    words = [f"delivered {', '.join(parts)}" if parts else "nothing was left to deliver"]
    if run.model_uri:
        words.append(f"version {run.model_uri}, alias {run.alias}")
    words.append(run.reason or f"MLflow has all of it, {run.status}")
    if run.outcome == "synced" and run.status != "FINISHED":
        words.append(f"to go on with it: parnet-zoo resume {run.run_id}")
    return f"{begin} {'; '.join(words)}"
