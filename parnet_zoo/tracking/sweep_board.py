"""The run of a sweep in MLflow: where its processes agree on who does what.

All of a sweep's state is in MLflow, so that any process that reaches the store can take part, go on
after all of them were killed, or look on. What makes that safe is that MLflow never changes a
parameter: of several processes that write `claim.0003.1` at the same moment exactly one succeeds,
and has the trial.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.pages import pages
from parnet_zoo.tracking.run import HOST_TAG, PROCESS_TAG
from parnet_zoo.tracking.store import connect, missing_database, open_client, speaking_of
from parnet_zoo.tracking.sweep_child import (
    FAILURE_TAG,
    NUMBER_TAG,
    PARENT_TAG,
    SUPERSEDED_TAG,
    SweepChild,
)
from parnet_zoo.tracking.sweep_workers import WORKER_TAG, Watch, Worker
from parnet_zoo.tracking.uri import anchored, redact, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

SWEEP_TAG = "parnet_zoo.sweep"
FOLDER_TAG = "parnet_zoo.sweep_folder"
"""Where it was begun."""
DEFINITION = "sweep.json"
SUMMARY = -1
"""Claimed like a trial by the process that writes the sweep's results."""
_RETRIES = "2"
"""Of one request; MLflow's own seven take minutes, in which nobody could be heard."""
_CLAIM = re.compile(r"claim\.(summary|[0-9]{4,6})\.([0-9]{1,4})", re.ASCII)


@dataclass(frozen=True)
class Claim:
    """Who has a trial.

    Attributes:
        number: Of the trial.
        attempt: From 1: how many had it.
        worker: Name of the process.
        values: What the trial's recipe has in the fields that are varied.
    """

    number: int
    attempt: int
    worker: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The parameter's name."""
        what = "summary" if self.number == SUMMARY else f"{self.number:04d}"
        return f"claim.{what}.{self.attempt}"

    @classmethod
    def parse(cls, key: str, text: str) -> Self | None:
        """Read a parameter; None if it is something else."""
        named = _CLAIM.fullmatch(key)
        if named is None:
            return None
        number = SUMMARY if named[1] == "summary" else int(named[1])
        try:
            match json.loads(text):
                case {"worker": str(worker), "values": dict(values)}:
                    return cls(number, int(named[2]), worker, values)
        except (ValueError, RecursionError):
            pass
        return None

    def to_param(self) -> str:
        """The parameter's text."""
        return json.dumps({"values": dict(self.values), "worker": self.worker})


@dataclass(frozen=True)
class Standing:
    """A sweep at one moment.

    Attributes:
        status: Of its run.
        claims: The last claim of every trial, and of `SUMMARY`.
        children: The run that counts of every trial that has one.
        gone: Names of the workers that are gone.
        workers: Of those that are not, and are not this process.
    """

    status: str
    claims: Mapping[int, Claim]
    children: Mapping[int, SweepChild]
    gone: frozenset[str]
    workers: frozenset[str]

    def given_back(self, number: int) -> bool:
        """Whether who had it is gone, or never signed on."""
        claim = self.claims.get(number)
        return claim is not None and claim.worker in self.gone


class SweepBoard:
    """A sweep's run, seen by one process that works on it.

    Attributes:
        run_id: MLflow's id.
        experiment_id: Of its experiment.
        worker: This process.
        store: The tracking URI, passwords not shown.
    """

    def __init__(self, run_id: str, experiment_id: str, uri: str) -> None:
        """See `create` and `open`."""
        self.run_id = run_id
        self.experiment_id = experiment_id
        self.worker = Worker.here()
        self.store = redact(uri)
        self._uri = uri
        self._watch = Watch()

    @classmethod
    def create(
        cls,
        *,
        experiment: str,
        name: str,
        definition: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Self:
        """Begin a sweep.

        Args:
            experiment: Created if need be.
            name: Of its run.
            definition: JSON, which `definition` gives back.
            params: Of its run.
            tags: Likewise; `SWEEP_TAG` is among them.

        Raises:
            TrackingError: The store does not answer, or refuses.
        """
        uri = anchored(tracking_uri())
        experiment_id = connect(experiment, uri)
        with _asking(uri) as client:
            run = client.create_run(experiment_id, run_name=name, tags=dict(tags))
            board = cls(run.info.run_id, experiment_id, uri)
            board._own(client)
            for key, value in params.items():
                client.log_param(board.run_id, key, value)
            client.log_text(board.run_id, definition, DEFINITION)
        board.beat()
        return board

    @classmethod
    def open(cls, run_id: str) -> Self:
        """Take part in a sweep.

        Raises:
            UsageError: There is no such run, or it is no sweep.
            TrackingError: The store does not answer.
        """
        uri = anchored(tracking_uri())
        if missing_database(uri):
            raise UsageError(f"there is no sweep {run_id}: {redact(uri)} does not exist")
        with _asking(uri) as client:
            run = _run(client, run_id)
        if run is None or SWEEP_TAG not in run.data.tags or run.info.lifecycle_stage != "active":
            hint = ""
            if run is not None and (parent := run.data.tags.get(PARENT_TAG)):
                hint = f"; it is a trial of the sweep {parent}"
            elif run is not None and SWEEP_TAG not in run.data.tags:
                hint = "; it is a run, but no sweep"
            raise UsageError(f"there is no sweep {run_id} in {redact(uri)}{hint}")
        return cls(run_id, run.info.experiment_id, uri)

    def definition(self) -> str:
        """What `create` was given.

        Raises:
            TrackingError: The store does not answer, or does not have it any more.
        """
        with (
            _asking(self._uri) as client,
            TemporaryDirectory(prefix="parnet-zoo-") as folder,
            environment_variable("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
        ):
            try:
                path = client.download_artifacts(self.run_id, DEFINITION, folder)
                return Path(path).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise TrackingError(f"the sweep {self.run_id} has no {DEFINITION}") from error

    def standing(self) -> Standing:
        """The sweep as it is now.

        Raises:
            TrackingError: The store does not answer.
        """
        with _asking(self._uri) as client:
            run = client.get_run(self.run_id)
            children = self._children(client)
        found = (Claim.parse(key, text) for key, text in run.data.params.items())
        claims: dict[int, Claim] = {}
        for claim in sorted((c for c in found if c is not None), key=lambda c: c.attempt):
            claims[claim.number] = claim
        gone = self._watch.gone(run.data.tags)
        names = {worker.name for worker in Watch.workers(run.data.tags)}
        unsigned = {claim.worker for claim in claims.values()} - names
        alive = names - gone - {self.worker.name}
        return Standing(
            run.info.status, claims, children, frozenset(gone | unsigned), frozenset(alive)
        )

    def claim(self, number: int, attempt: int, values: Mapping[str, Any]) -> bool:
        """Take a trial, or the sweep's `SUMMARY`; whether this process has it now.

        Raises:
            TrackingError: The store does not answer.
        """
        from mlflow.exceptions import MlflowException

        claim = Claim(number, attempt, self.worker.name, values)
        with _asking(self._uri) as client:
            try:
                client.log_param(self.run_id, claim.key, claim.to_param())
            except MlflowException as error:
                if error.error_code != "INVALID_PARAMETER_VALUE":
                    raise
            # Read back: a store of another make may take the second value without a word.
            written = client.get_run(self.run_id).data.params.get(claim.key)
        return bool(written == claim.to_param())

    def beat(self) -> None:
        """Give a sign of life; the sweep's run is this process' then, if it was nobody's.

        Raises:
            TrackingError: The store does not answer.
        """
        self.worker = replace(self.worker, beat=self.worker.beat + 1)
        with _asking(self._uri) as client:
            self._sign(client)
            if client.get_run(self.run_id).info.status not in ("RUNNING", "FINISHED"):
                client.update_run(self.run_id, status="RUNNING")
                self._own(client)

    def leave(self) -> None:
        """Give back what this process has; the sweep is KILLED if nobody else works on it.

        Raises:
            TrackingError: The store does not answer.
        """
        self.worker = replace(self.worker, beat=-1)
        with _asking(self._uri) as client:
            self._sign(client)
        standing = self.standing()
        if not standing.workers and standing.status == "RUNNING":
            self._end("KILLED")

    def finish(self) -> None:
        """The sweep has come to its end."""
        self.worker = replace(self.worker, beat=-1)
        with _asking(self._uri) as client:
            self._sign(client)
        self._end("FINISHED")

    def log_files(self, folder: Path) -> None:
        """Log a folder's files as the sweep's artifacts; those of the same names are replaced."""
        with _asking(self._uri) as client:
            client.log_artifacts(self.run_id, str(folder))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics of the sweep; one that has a value keeps it."""
        with _asking(self._uri) as client:
            known = client.get_run(self.run_id).data.metrics
            for name, value in metrics.items():
                if name not in known:
                    client.log_metric(self.run_id, name, value)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of the sweep."""
        with _asking(self._uri) as client:
            for key, value in tags.items():
                client.set_tag(self.run_id, key, value)

    def fail_child(self, run_id: str, reason: str) -> None:
        """Set a trial's run to FAILED, whose process could not do so itself."""
        with _asking(self._uri) as client:
            client.set_tag(run_id, FAILURE_TAG, reason[:5000])
            client.update_run(run_id, status="FAILED")
            _end_time(client, run_id, "FAILED")

    def failed_child(self, number: int, name: str, reason: str, params: Mapping[str, str]) -> None:
        """Make the run of a trial that failed before it had one."""
        tags = {PARENT_TAG: self.run_id, NUMBER_TAG: str(number), FAILURE_TAG: reason[:5000]}
        with _asking(self._uri) as client:
            run = client.create_run(self.experiment_id, run_name=name, tags=tags)
            for key, value in params.items():
                client.log_param(run.info.run_id, key, value)
            _end_time(client, run.info.run_id, "FAILED")

    def supersede(self, run_id: str) -> None:
        """Leave out a trial's run that cannot be gone on with from here; another begins."""
        with _asking(self._uri) as client:
            client.set_tag(run_id, SUPERSEDED_TAG, "true")
            if client.get_run(run_id).info.status == "RUNNING":
                _end_time(client, run_id, "KILLED")

    def _sign(self, client: MlflowClient) -> None:
        client.set_tag(self.run_id, WORKER_TAG + self.worker.name, self.worker.to_tag())

    def _own(self, client: MlflowClient) -> None:
        """Have the run marked as KILLED when this process is gone; see `mark_dead_runs`."""
        client.set_tag(self.run_id, HOST_TAG, self.worker.host)
        client.set_tag(self.run_id, PROCESS_TAG, self.worker.process)

    def _end(self, status: str) -> None:
        with _asking(self._uri) as client:
            _end_time(client, self.run_id, status)

    def _children(self, client: MlflowClient) -> dict[int, SweepChild]:
        wanted = f"tags.`{PARENT_TAG}` = '{self.run_id}'"
        runs = pages(client.search_runs, [self.experiment_id], wanted)
        every = [child for child in map(SweepChild.of, runs) if child is not None]
        counting: dict[int, SweepChild] = {}
        # The newest counts, unless an older one came to its end: two hosts may have had a trial at
        # a time, when one of them slept for long.
        for child in sorted(every, key=lambda c: (c.status == "FINISHED", c.started)):
            counting[child.number] = child
        return counting


def last_sweep(folder: Path) -> str | None:
    """The last sweep that was begun in a folder and has not FINISHED.

    Args:
        folder: Absolute.

    Raises:
        TrackingError: The store does not answer.
    """
    uri = anchored(tracking_uri())
    if missing_database(uri):
        return None
    with _asking(uri) as client:
        experiments = [found.experiment_id for found in pages(client.search_experiments)]
        runs = pages(
            client.search_runs,
            experiments,
            f"tags.`{SWEEP_TAG}` LIKE '%' AND attributes.status != 'FINISHED'",
            order_by=["attributes.start_time DESC"],
        )
        found = (r.info.run_id for r in runs if r.data.tags.get(FOLDER_TAG) == str(folder))
        return next(found, None)


def _run(client: MlflowClient, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _end_time(client: MlflowClient, run_id: str, status: str) -> None:
    from parnet_zoo.tracking.sender import without_printed_address

    with without_printed_address():
        client.set_terminated(run_id, status)


@contextmanager
def _asking(uri: str) -> Iterator[MlflowClient]:
    """A client of a store that has just answered, whose errors become one sentence."""
    with environment_variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _RETRIES):
        client = open_client(uri)
        with speaking_of(uri):
            yield client
