"""A training run in MLflow that an outage, a full disk or a kill cannot tear."""

import json
import logging
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.tracking.delivery import Delivery
from parnet_zoo.tracking.journal import Entry, Journal
from parnet_zoo.tracking.limits import PARAM_CHARACTERS, TAG_CHARACTERS, cut, key
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.process import Host, process_identity
from parnet_zoo.tracking.provenance import installed_versions, provenance_tags
from parnet_zoo.tracking.reach import check_reachable
from parnet_zoo.tracking.sender import Sender
from parnet_zoo.tracking.spool import Spool
from parnet_zoo.tracking.store import connect, open_client, speaking_of
from parnet_zoo.tracking.uri import anchored, redact, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOG = logging.getLogger(__name__)
JOURNAL = "journal.jsonl"
_MARK = "delivered.json"
_SPOOL = "spool"
HOST_TAG = "parnet_zoo.host"
PROCESS_TAG = "parnet_zoo.process"
# How long the end of a run waits for a store that fails. Whoever interrupts wants to go.
_PATIENCE_SECONDS = 30.0
_PATIENCE_SECONDS_INTERRUPTED = 5.0
# A store that has not failed may be receiving a large file.
_PATIENCE_SECONDS_CALL = 600.0


class TrackedRun:
    """One MLflow run. Everything goes into a journal on disk first and is delivered from there.

    Use it as a context manager: left normally, the run becomes FINISHED; left by KeyboardInterrupt
    or SystemExit, KILLED; left by another exception, FAILED.

    The methods return as soon as the journal has the entry; a thread delivers in the given order.
    A store that fails holds nothing up: one warning, and new tries until it is back.

    Attributes:
        run_id: MLflow's id of the run.
        experiment_id: MLflow's id of the experiment.
        experiment: The experiment's name.
        directory: Where the journal is.
        store: The tracking URI, passwords not shown.
    """

    def __init__(self, journal: Journal, client: "MlflowClient", uri: str) -> None:
        """Take up the run that an open journal belongs to; see `start` and `resume`."""
        header = _header(journal)
        self.run_id: str = header["run_id"]
        self.experiment_id: str = header["experiment_id"]
        self.experiment: str = header["experiment"]
        self.store: str = header["store"]
        self.directory = journal.path.parent
        self._journal = journal
        self._lock = threading.Lock()
        self._params, self._points = _logged(journal.found)
        self._spool = Spool(self.directory / _SPOOL)
        mark = Mark(self.directory / _MARK)
        open_numbers = {e.number for e in journal.found if e.number > mark.delivered}
        open_numbers |= set(mark.postponed)
        self._spool.keep_only(
            entry.data["copy"]
            for entry in journal.found
            if entry.kind == "artifact" and entry.number in open_numbers
        )
        self._delivery = Delivery(
            mark,
            journal.found,
            send=Sender(client, self.run_id, self._spool).send,
            probe=partial(check_reachable, uri, advice=False),
            done=self._tidy,
            place=str(journal.path),
        )

    @classmethod
    def start(
        cls,
        *,
        experiment: str,
        name: str,
        directory: Path,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> Self:
        """Create a run in the store that `tracking_uri()` names.

        Args:
            experiment: Name of the experiment; created if need be.
            name: Name of the run.
            directory: The run's own folder; created if need be.
            params: By dotted name. Values are written as `str` writes them.
            tags: Added to those that say where the run comes from.

        Raises:
            TrackingError: The store does not answer, or the directory cannot be written.
            UsageError: The directory belongs to another run.
        """
        _claim(directory)
        uri = anchored(tracking_uri())
        experiment_id = connect(experiment, uri)
        client = open_client(uri)
        origin = _tags(provenance_tags(Path.cwd()) | _owner() | dict(tags))
        with speaking_of(uri):
            created = client.create_run(experiment_id, run_name=name, tags=origin)
        header = {
            "run_id": created.info.run_id,
            "experiment_id": experiment_id,
            "experiment": experiment,
            "store": redact(uri),
        }
        try:
            with Journal(directory / JOURNAL) as begun:
                begun.append("run", header)
            run = cls(Journal(directory / JOURNAL), client, uri)
            run.log_params(params)
            run.log_text(json.dumps(installed_versions(), indent=1), "versions.json")
        except BaseException:
            with speaking_of(uri):
                client.update_run(created.info.run_id, status="FAILED")
            raise
        return run

    @classmethod
    def resume(cls, directory: Path) -> Self:
        """Go on with the run whose journal is in the directory, also one that was killed.

        What it logged already is not logged again: a metric counts once for each step.

        Raises:
            TrackingError: No run is there, another process is working on it, or its store does not
                answer or is not the one that MLFLOW_TRACKING_URI names.
        """
        run = cls._open(directory)
        run.set_tags(_owner())
        run._log("status", {"status": "RUNNING", "time": _now()})
        return run

    @classmethod
    def deliver(cls, directory: Path) -> int:
        """Deliver what a run that has ended left in its journal, its status included.

        Returns:
            How many entries are still left.

        Raises:
            TrackingError: As `resume`.
        """
        run = cls._open(directory)
        run._deliver_rest(_PATIENCE_SECONDS)
        return run.undelivered

    @classmethod
    def _open(cls, directory: Path) -> Self:
        if not (directory / JOURNAL).is_file():
            raise TrackingError(f"no run was started in {directory}")
        journal = Journal(directory / JOURNAL)
        try:
            uri = _same_store(_header(journal)["store"])
            return cls(journal, open_client(uri), uri)
        except BaseException:
            journal.close()
            raise

    @property
    def undelivered(self) -> int:
        """How many entries are in the journal, but not in MLflow yet."""
        return self._delivery.waiting

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters. A parameter keeps its first value, as MLflow demands.

        Values over 6,000 characters are cut; their length and SHA-256 are noted in them.
        """
        new = {}
        for name, value in params.items():
            known, text = key(name), cut(str(value), PARAM_CHARACTERS)
            if known not in self._params:
                new[known] = self._params[known] = text
            elif self._params[known] != text:
                _LOG.warning("parameter %s stays %.100s", known, self._params[known])
        self._log("params", {"params": new}, empty=not new)

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log metrics at a step, for training the number of finished epochs.

        A metric that has a value at this step keeps it: a resumed run repeats the epoch that it
        was killed in.
        """
        new = {}
        for name, value in metrics.items():
            point = (key(name), int(step))
            if point not in self._points:
                number = float(value)
                new[point[0]] = number if math.isfinite(number) else str(number)
                self._points.add(point)
        self._log("metrics", {"step": int(step), "time": _now(), "metrics": new}, empty=not new)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; a tag's last value counts."""
        self._log("tags", {"tags": _tags(tags)}, empty=not tags)

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a folder as it is now; it may change or vanish afterwards.

        Args:
            path: The file or folder.
            folder: Where to put it among the run's artifacts.

        Raises:
            TrackingError: It cannot be read, or the disk is full.
            ValueError: The folder leads out of the run's artifacts.
        """
        _check_inside(folder or "")
        self._log("artifact", {"copy": self._spool.copy(path), "folder": folder})

    def log_text(self, text: str, artifact_file: str) -> None:
        """Log a text as a file among the run's artifacts, such as `data/classes.txt`.

        Raises:
            TrackingError: The disk is full.
            ValueError: The file is not among the run's artifacts.
        """
        _check_inside(artifact_file)
        target = PurePosixPath(artifact_file)
        folder = None if target.parent == PurePosixPath() else target.parent.as_posix()
        self._log("artifact", {"copy": self._spool.write(target.name, text), "folder": folder})

    def flush(self, seconds: float = 30.0) -> bool:
        """Wait for the delivery of everything logged so far; whether MLflow has all of it."""
        return self._delivery.flush(seconds)

    def __enter__(self) -> Self:
        """The run itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run in MLflow."""
        try:
            if kind is None:
                self._end("FINISHED", _PATIENCE_SECONDS)
            elif issubclass(kind, KeyboardInterrupt | SystemExit):
                self._end("KILLED", _PATIENCE_SECONDS_INTERRUPTED)
            else:
                self._end("FAILED", _PATIENCE_SECONDS, failure=f"{kind.__name__}: {error}")
        except TrackingError as full_disk:
            if kind is None:
                raise
            _LOG.warning("%s", full_disk)  # what ended the run matters more

    def _end(self, status: str, patience: float, failure: str = "") -> None:
        try:
            if failure:
                self.set_tags({"parnet_zoo.failure": failure})
            self._log("status", {"status": status, "time": _now()})
        finally:
            self._deliver_rest(patience)

    def _deliver_rest(self, patience: float) -> None:
        ended = self._delivery.finish(
            patience=patience, patience_with_a_call=_PATIENCE_SECONDS_CALL
        )
        if waiting := self.undelivered:
            _LOG.warning(
                "%s of run %s did not reach %s; what is missing is kept in %s",
                "1 entry" if waiting == 1 else f"{waiting} entries",
                self.run_id,
                self.store,
                self._journal.path,
            )
        # A thread that still sits in a call may note its outcome, so the lock stays its own.
        if ended:
            self._journal.close()

    def _log(self, kind: str, data: dict[str, Any], *, empty: bool = False) -> None:
        if empty:
            return
        with self._lock:  # the order of delivery is the order of the journal
            self._delivery.add(self._journal.append(kind, data))

    def _tidy(self, entry: Entry) -> None:
        """Free the disk of a delivered copy."""
        if entry.kind == "artifact":
            self._spool.discard(entry.data["copy"])


def _claim(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrackingError(f"{directory} cannot be created: {error.strerror}") from error
    if (directory / JOURNAL).exists():
        raise UsageError(f"{directory} belongs to another run: take another folder, or resume it")
    if not os.access(directory, os.W_OK):
        raise TrackingError(f"{directory} cannot be written to")


def _owner() -> dict[str, str]:
    """The tags by which `mark_dead_runs` knows whether the run's process still lives."""
    identity = process_identity(os.getpid())
    return {HOST_TAG: str(Host.here()), PROCESS_TAG: identity or str(os.getpid())}


def _header(journal: Journal) -> dict[str, Any]:
    if not journal.found or journal.found[0].kind != "run":
        raise TrackingError(f"{journal.path} is not the journal of a run")
    return journal.found[0].data


def _same_store(recorded: str) -> str:
    """The URI of the store that a journal names; with its password, which the journal has not."""
    uri = anchored(tracking_uri())
    if redact(uri) == recorded:
        return uri
    if "***" not in recorded:
        return recorded
    raise TrackingError(
        f"the run belongs to the store {recorded}: set MLFLOW_TRACKING_URI to it, with its password"
    )


def _logged(entries: Sequence[Entry]) -> tuple[dict[str, str], set[tuple[str, int]]]:
    """Parameters, and (metric, step) of every value, that a journal holds."""
    params: dict[str, str] = {}
    points: set[tuple[str, int]] = set()
    for entry in entries:
        if entry.kind == "params":
            params |= entry.data["params"]
        elif entry.kind == "metrics":
            points |= {(name, entry.data["step"]) for name in entry.data["metrics"]}
    return params, points


def _check_inside(artifact: str) -> None:
    path = PurePosixPath(artifact)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"'{artifact}' leads out of the run's artifacts")


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key(name): cut(str(value), TAG_CHARACTERS) for name, value in tags.items()}


def _now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000
