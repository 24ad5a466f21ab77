"""What a run has left in its folder, brought to its MLflow store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from parnet_zoo.errors import DataError, ParnetZooError, UsageError
from parnet_zoo.tracking.left_behind import LeftRun
from parnet_zoo.tracking.promotion import Verdict
from parnet_zoo.tracking.registered import version_of_run
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.version_origin import version_origin
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.promoting.contender import Contender
from parnet_zoo.training.publish import FILE, PUBLISHED, Publication, Published, publish


class LeftEntry(BaseModel):
    """An entry of the journal that MLflow does not have.

    Attributes:
        line: In the journal.
        kind: What it is, such as "metrics" or "artifact".
        reason: Why it was not delivered.
    """

    model_config = ConfigDict(frozen=True)

    line: int
    kind: str
    reason: str


class SyncedRun(BaseModel):
    """What was done for a run, and what could not be.

    Attributes:
        run_id: MLflow's id; the local one while MLflow does not know the run.
        local_id: Its name on this machine, and its tag `parnet_zoo.local_id` in MLflow.
        directory: Its folder, which is removed when the run is finished and nothing is left.
        status: "FINISHED", "KILLED", "FAILED", or "RUNNING" where another process works on it.
        outcome: "synced": MLflow has everything; "left": not yet; "in_work": another process has
            the run, which was left alone.
        delivered: How many entries of the journal were delivered, by kind.
        left: Those that were not.
        model_uri: The run's registered version, if it has one.
        alias: What the version got.
        reason: Why something is left; empty where nothing is.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    run_id: str
    local_id: str
    directory: str
    status: str
    outcome: Literal["synced", "left", "in_work"]
    delivered: dict[str, int] = {}
    left: tuple[LeftEntry, ...] = ()
    model_uri: str | None = None
    alias: str | None = None
    reason: str = ""


def sync_run(left: LeftRun, progress: Progress) -> SyncedRun:
    """Deliver the journal of a run on which nobody is working, and register its version.

    A run that began offline is created first, with the time at which it began. One whose process
    was killed outright becomes KILLED; one that only lacked its version becomes FINISHED.

    Args:
        left: The run.
        progress: What the person sees.

    Returns:
        What was done. Errors are in it as `reason`, so that others can go on.
    """
    if left.in_work:
        return _unchanged(left, "in_work", "another process is working on it")
    try:
        with TrackedRun.reopened(left.directory) as run:
            published, reason = _published(left.directory, run, progress)
            if published is not None:
                run.become_finished()
    except ParnetZooError as error:
        return _unchanged(left, "left", str(error))
    return _tidied(left.directory, run, published, reason)


def _published(
    directory: Path, run: TrackedRun, progress: Progress
) -> tuple[Published | None, str]:
    """The run's version, registered now if need be; and why it is missing."""
    try:
        if (directory / PUBLISHED).is_file():
            content = (directory / PUBLISHED).read_text(encoding="utf-8")
            return Published.model_validate_json(content), ""
        if not (directory / FILE).is_file():  # broken off before it was trained
            return None, ""
        publication = Publication.read(directory)
        compare = _comparison(publication, run, progress)
        return publish(publication, run, progress, compare), ""
    except ValidationError:
        return None, f"{directory / PUBLISHED} is damaged: delete it"
    except ParnetZooError as error:
        return None, str(error).splitlines()[0]


def _comparison(
    publication: Publication, run: TrackedRun, progress: Progress
) -> Callable[[str], Verdict]:
    """Whether the version beats the champion, on the run's own images where they still are."""

    def compare(champion: str) -> Verdict:
        version = version_of_run(publication.name, run.run_id)
        origin = version_origin(f"models:/{publication.name}/{version}")
        try:
            return Contender(origin, None, progress, force=False).judge(champion)
        except (DataError, UsageError) as error:
            reason = f"it was not compared with the champion: {error}"
            return Verdict(wins=False, reason=reason)

    return compare


def _tidied(
    directory: Path, run: TrackedRun, published: Published | None, reason: str
) -> SyncedRun:
    left = tuple(
        LeftEntry(line=waiting.number, kind=waiting.kind, reason=waiting.reason)
        for waiting in run.left()
    )
    if left and not reason:
        why = next((entry.reason for entry in left if entry.reason), "the store was too slow")
        reason = f"{_entries(len(left))} not delivered: {why}"
    if not reason and run.status == "FINISHED":
        shutil.rmtree(directory, ignore_errors=True)
    return SyncedRun(
        run_id=run.run_id,
        local_id=run.local_id,
        directory=str(directory),
        status=run.status,
        outcome="left" if reason else "synced",
        delivered=run.delivered(),
        left=left,
        model_uri=published.model_uri if published else None,
        alias=published.alias if published else None,
        reason=reason,
    )


def _entries(count: int) -> str:
    return "1 entry was" if count == 1 else f"{count} entries were"


def _unchanged(left: LeftRun, outcome: Literal["left", "in_work"], reason: str) -> SyncedRun:
    return SyncedRun(
        run_id=left.run_id,
        local_id=left.local_id,
        directory=str(left.directory),
        status=left.status,
        outcome=outcome,
        reason=reason,
    )
