"""A training run in MLflow that an outage, a full disk or a kill cannot tear."""

import json
import logging
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias
from uuid import uuid4

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.tracking.beginning import Beginning
from parnet_zoo.tracking.creation import RETRIES, create_run
from parnet_zoo.tracking.dataset import TrackedDataset
from parnet_zoo.tracking.delivery import Delivery
from parnet_zoo.tracking.entry_data import RunData, check_entries
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.held import Held
from parnet_zoo.tracking.journal import Entry, Journal
from parnet_zoo.tracking.limits import PARAM_CHARACTERS, TAG_CHARACTERS, cut, key
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.process import Host, process_identity
from parnet_zoo.tracking.provenance import installed_versions, provenance_tags
from parnet_zoo.tracking.reach import check_reachable
from parnet_zoo.tracking.sender import Sender
from parnet_zoo.tracking.spool import Spool
from parnet_zoo.tracking.store import connect, open_client
from parnet_zoo.tracking.uri import anchored, redact, tracking_uri
from parnet_zoo.tracking.waiting import Waiting

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOG = logging.getLogger(__name__)
JOURNAL = "journal.jsonl"
_MARK = "delivered.json"
_SPOOL = "spool"
Point: TypeAlias = tuple[float | str, int]
"""A metric's value, a string where JSON has no number for it, and its time."""
SYSTEM = "system/"
"""What names of metrics about the machine begin with; MLflow shows them on a page of their own."""
HOST_TAG = "parnet_zoo.host"
PROCESS_TAG = "parnet_zoo.process"
_STORE = "MLFLOW_TRACKING_URI"
_FAILURE_TAG = "parnet_zoo.failure"
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
    A store that fails holds nothing up: one warning, and new tries until it is back. An offline run
    sends nothing: all of it waits for `reopened`, or for `resume`.

    Attributes:
        run_id: MLflow's id of the run; the local one while MLflow does not know the run.
        local_id: The run's name on this machine, and its tag `parnet_zoo.local_id`.
        experiment_id: MLflow's id of the experiment; None while it does not know the run.
        experiment: The experiment's name.
        directory: Where the journal is.
        store: The tracking URI, passwords not shown.
        offline: Whether the store is left alone.
    """

    def __init__(
        self,
        journal: Journal,
        entries: Sequence[Entry],
        mark: Mark,
        client: "MlflowClient | None",
        uri: str,
    ) -> None:
        """Take up the run that an open journal belongs to; see `start` and `resume`.

        Args:
            journal: It is closed at the end.
            entries: Of it, all so far.
            mark: How far they were delivered.
            client: Of the store; None: the run is offline.
            uri: The store.
        """
        beginning = Beginning.of(entries, journal.path)
        created = beginning.created
        self.local_id = beginning.run.local_id
        self.run_id = created.run_id if created else self.local_id
        self.experiment_id = created.experiment_id if created else None
        self.experiment = beginning.run.experiment
        self.store = beginning.store
        self.offline = client is None
        self.directory = journal.path.parent
        self._journal = journal
        self._lock = threading.Lock()
        self._params, self._points, self._checkpoints = _logged(entries)
        self._status = [entry.data for entry in entries if entry.kind == "status"]
        self._failed = _has_failure(entries)
        self._taken_up = {e.number: e.kind for e in entries if mark.is_open(e.number)}
        self._spool = Spool(self.directory / _SPOOL)
        self._keep_what_waits(entries, mark)
        self._settings = ExitStack()
        self._delivery = self._delivery_of(entries, mark, client, uri)

    def _keep_what_waits(self, entries: Sequence[Entry], mark: Mark) -> None:
        self._spool.keep_only(
            entry.data["copy"]
            for entry in entries
            if "copy" in entry.data and mark.is_open(entry.number)
        )

    def _delivery_of(
        self, entries: Sequence[Entry], mark: Mark, client: "MlflowClient | None", uri: str
    ) -> Delivery | Held:
        if client is None:
            return Held(mark, entries)
        if redact(anchored(tracking_uri())) != redact(uri):
            # What else speaks to MLflow for this run shall find it.
            self._settings.enter_context(environment_variable(_STORE, uri))
        # The delivery tries again by itself, and looks first whether the first try was answered.
        self._settings.enter_context(environment_variable(RETRIES, "0"))
        return Delivery(
            mark,
            entries,
            send=Sender(client, self.run_id, self._spool).send,
            probe=partial(check_reachable, uri, advice=False),
            done=self._tidy,
            place=str(self._journal.path),
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
        offline: bool = False,
    ) -> Self:
        """Create a run in the store that `tracking_uri()` names.

        Args:
            experiment: Name of the experiment; created if need be.
            name: Name of the run.
            directory: The run's own folder; created if need be.
            params: By dotted name. Values are written as `str` writes them.
            tags: Added to those that say where the run comes from.
            offline: Ask no store; the run is created when its journal is delivered.

        Raises:
            TrackingError: The store does not answer, or the directory cannot be written.
            UsageError: The directory belongs to another run.
        """
        _claim(directory)
        uri = anchored(tracking_uri())
        if not offline:
            connect(experiment, uri)  # before there is a journal, which would wait for a store
        header = RunData(
            local_id=f"local-{uuid4().hex[:16]}",
            experiment=experiment,
            name=name,
            tags=_tags(provenance_tags(Path.cwd()) | dict(tags)),
            time=_now(),
            store=redact(uri),
            offline=offline,
        )
        with Journal(directory / JOURNAL) as begun:
            begun.append("run", header.model_dump())
        run = cls._open(directory, offline=offline)
        try:
            run.log_params(params)
            run.log_text(json.dumps(installed_versions(), indent=1), "versions.json")
        except BaseException as error:
            run.__exit__(type(error), error, error.__traceback__)
            raise
        return run

    @classmethod
    def resume(cls, directory: Path, *, offline: bool = False) -> Self:
        """Go on with the run whose journal is in the directory, also one that was killed.

        What it logged already is not logged again: a metric counts once for each step.

        Args:
            directory: The run's.
            offline: Ask no store; a run that began online can go on offline, and the reverse.

        Raises:
            TrackingError: No run is there, another process is working on it, or its store does not
                answer or is not the one that MLFLOW_TRACKING_URI names.
        """
        run = cls._open(directory, offline=offline)
        if not offline:
            run.set_tags(_owner())
        run._forget_failure()
        run._log("status", {"status": "RUNNING", "time": _now()})
        return run

    @classmethod
    @contextmanager
    def reopened(cls, directory: Path) -> Iterator[Self]:
        """A run without a process, inside the `with`, to deliver what it left.

        Its status stays; of a process that was killed outright it becomes KILLED, at the time when
        the run was last heard of.

        Raises:
            TrackingError: As `resume`.
        """
        run = cls._open(directory)
        try:
            if run.status == "RUNNING":
                run._log("status", {"status": "KILLED", "time": run._journal.changed})
            yield run
        finally:
            run._deliver_rest(_PATIENCE_SECONDS)

    @classmethod
    def deliver(cls, directory: Path) -> int:
        """Deliver what a run that has ended left in its journal, its status included.

        Returns:
            How many entries are still left.

        Raises:
            TrackingError: As `resume`.
        """
        with cls.reopened(directory) as run:
            pass
        return run.undelivered

    @classmethod
    def _open(cls, directory: Path, *, offline: bool = False) -> Self:
        path = directory / JOURNAL
        if not path.is_file():
            raise TrackingError(f"no run was started in {directory}")
        journal = Journal(path)
        try:
            check_entries(journal.found, path)
            beginning = Beginning.of(journal.found, path)
            mark = Mark(directory / _MARK)
            if offline:
                return cls(journal, journal.found, mark, None, beginning.store)
            uri = _store_of(beginning)
            client = open_client(uri)
            new = _created(beginning, journal, client, uri)
            return cls(journal, [*journal.found, *new], mark, client, uri)
        except BaseException:
            journal.close()
            raise

    @property
    def status(self) -> str:
        """The last that the journal says: "RUNNING", "FINISHED", "KILLED" or "FAILED"."""
        return str(self._status[-1]["status"]) if self._status else "RUNNING"

    def become_finished(self) -> None:
        """What kept it from that has been made up for; its end stays where it was."""
        if self.status == "FINISHED":
            return
        self._forget_failure()
        time = self._status[-1]["time"] if self._status else _now()
        self._log("status", {"status": "FINISHED", "time": time})

    def left(self) -> tuple[Waiting, ...]:
        """The entries that are in the journal, but not in MLflow yet."""
        return self._delivery.left()

    def delivered(self) -> dict[str, int]:
        """How many entries of each kind this process has delivered."""
        left = {waiting.number for waiting in self.left()}
        with self._lock:
            return dict(
                Counter(kind for number, kind in self._taken_up.items() if number not in left)
            )

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
        new, time = {}, _now()
        for name, value in metrics.items():
            known, number = key(name), float(value)
            if (known, int(step)) not in self._points:
                new[known] = number if math.isfinite(number) else str(number)
                self._points[known, int(step)] = (new[known], time)
        self._log("metrics", {"step": int(step), "time": time, "metrics": new}, empty=not new)

    def next_step(self, metric: str) -> int:
        """One more than the last step at which a metric has a value; 0 where it has none."""
        known = key(metric)
        points = self._points.copy()  # other threads log, too
        return max((step + 1 for name, step in points if name == known), default=0)

    def _forget_failure(self) -> None:
        """Take back the tag of an end that was not the last word."""
        if self._failed:
            self._log("untag", {"tag": _FAILURE_TAG})
            self._failed = False

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

    def log_checkpoint(
        self, path: Path, *, kind: Literal["epoch", "best", "last"], step: int, keep: int | None
    ) -> None:
        """Log a file of weights as a model of the run, with the metrics that it has at a step.

        Args:
            path: The file.
            kind: Of the checkpoint; there is one of each kind at a step, the first counts.
            step: Finished epochs, whose metrics have been logged.
            keep: How many of the kind stay, the newest; None: all.

        Raises:
            TrackingError: It cannot be read, or the disk is full.
        """
        if (kind, step) in self._checkpoints:
            return
        known = self._points.copy()  # other threads log, too
        metrics = [
            (name, *point)
            for (name, at), point in known.items()
            if at == step and not name.startswith(SYSTEM)
        ]
        data = {"copy": self._spool.copy(path), "kind": kind, "step": step, "keep": keep}
        self._log("checkpoint", data | {"metrics": metrics})
        self._checkpoints.add((kind, step))

    def log_dataset(self, dataset: TrackedDataset) -> None:
        """Say which images the run uses."""
        self._log("dataset", dataset.to_journal())

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
                self.set_tags({_FAILURE_TAG: failure})
            self._log("status", {"status": status, "time": _now()})
        finally:
            self._deliver_rest(patience)

    def _deliver_rest(self, patience: float) -> None:
        ended = self._delivery.finish(
            patience=patience, patience_with_a_call=_PATIENCE_SECONDS_CALL
        )
        if (waiting := self.undelivered) and not self.offline:
            _LOG.warning(
                "%s of run %s did not reach %s; what is missing is kept in %s, until `parnet-zoo"
                " sync` delivers it",
                "1 entry" if waiting == 1 else f"{waiting} entries",
                self.run_id,
                self.store,
                self._journal.path,
            )
        self._settings.close()
        # A thread that still sits in a call may note its outcome, so the lock stays its own.
        if ended:
            self._journal.close()

    def _log(self, kind: str, data: dict[str, Any], *, empty: bool = False) -> None:
        if empty:
            return
        with self._lock:  # the order of delivery is the order of the journal
            entry = self._journal.append(kind, data)
            self._taken_up[entry.number] = kind
            self._delivery.add(entry)
            if kind == "status":
                self._status.append(data)

    def _tidy(self, entry: Entry) -> None:
        """Free the disk of a delivered copy."""
        if "copy" in entry.data:
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


def _created(
    beginning: Beginning, journal: Journal, client: "MlflowClient", uri: str
) -> list[Entry]:
    """Have the run in MLflow, and note which it is; the entries that are new in the journal."""
    if beginning.created is not None:
        return []
    new = []
    if not beginning.settled:
        new.append(journal.append("store", {"store": redact(uri)}))
    created = create_run(beginning.run, _owner(), client, uri)
    new.append(journal.append("created", created.model_dump()))
    return new


def _store_of(beginning: Beginning) -> str:
    """The URI of the run's store; with its password, which the journal has not."""
    uri = anchored(tracking_uri())
    recorded = beginning.store
    named = bool(os.environ.get(_STORE))
    if redact(uri) == recorded or (named and not beginning.settled):
        return uri
    if "***" not in recorded:
        return recorded
    raise TrackingError(
        f"the run belongs to the store {recorded}: set MLFLOW_TRACKING_URI to it, with its password"
    )


def _has_failure(entries: Sequence[Entry]) -> bool:
    """Whether MLflow has, or will have, a tag that says why the run failed."""
    has = False
    for entry in entries:
        if entry.kind == "tags" and _FAILURE_TAG in entry.data["tags"]:
            has = True
        elif entry.kind == "untag" and entry.data["tag"] == _FAILURE_TAG:
            has = False
    return has


def _logged(
    entries: Sequence[Entry],
) -> tuple[dict[str, str], dict[tuple[str, int], Point], set[tuple[str, int]]]:
    """Parameters, values by (metric, step), and (kind, step) of checkpoints in a journal."""
    params: dict[str, str] = {}
    points: dict[tuple[str, int], Point] = {}
    checkpoints: set[tuple[str, int]] = set()
    for entry in entries:
        data = entry.data
        if entry.kind == "params":
            params |= data["params"]
        elif entry.kind == "metrics":
            for name, value in data["metrics"].items():
                points.setdefault((name, data["step"]), (value, data["time"]))
        elif entry.kind == "checkpoint":
            checkpoints.add((data["kind"], data["step"]))
    return params, points, checkpoints


def _check_inside(artifact: str) -> None:
    path = PurePosixPath(artifact)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"'{artifact}' leads out of the run's artifacts")


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key(name): cut(str(value), TAG_CHARACTERS) for name, value in tags.items()}


def _now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return time.time_ns() // 1_000_000
