"""Journal entries, written into MLflow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.checkpoint_models import CheckpointModels
from parnet_zoo.tracking.dataset import dataset_input
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.journal import Entry
from parnet_zoo.tracking.limits import batches
from parnet_zoo.tracking.quiet import quiet
from parnet_zoo.tracking.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS_A_REQUEST = 1000
# What an HTTP server says to a request that it will never take: malformed, too large, senseless.
_NEVER = (400, 413, 422)


class Refused(Exception):  # noqa: N818  # an answer of the store, not a failure of ours
    """The store answers, and will not take this entry, now or later."""


class Sender:
    """Writes the entries of one run. Writing one again changes nothing."""

    def __init__(self, client: "MlflowClient", run_id: str, spool: Spool) -> None:
        self._client = client
        self._run_id = run_id
        self._spool = spool
        # By name, not by getattr: a journal is only a file, and must not choose what we call.
        self._writers: dict[str, Callable[[dict[str, Any]], None]] = {
            "run": self._beginning,
            "store": self._beginning,
            "created": self._beginning,
            "params": self._params,
            "metrics": self._metrics,
            "tags": self._tags,
            "untag": self._untag,
            "artifact": self._artifact,
            "dataset": self._dataset,
            "checkpoint": self._checkpoint,
            "status": self._status,
        }

    def send(self, entry: Entry, *, uncertain: bool) -> None:
        """Write one entry.

        Args:
            entry: From the run's journal.
            uncertain: It may have been written before, wholly or in part: look first. Only metrics
                need it; parameters, tags, artifacts and the status replace themselves.

        Raises:
            Refused: It can never be written.
            Exception: Whatever MLflow and the artifact store raise when they fail.
        """
        write = self._writers.get(entry.kind)
        if write is None:
            raise Refused(f"unknown kind of entry '{entry.kind}'")
        with quiet(), _refusals():
            again = uncertain and entry.kind == "metrics"
            write(self._missing(entry.data) if again else entry.data)

    def _beginning(self, _data: dict[str, Any]) -> None:
        """The run exists; see `creation`."""

    def _params(self, data: dict[str, Any]) -> None:
        from mlflow.entities import Param

        for batch in batches(data["params"]):
            params = [Param(key, value) for key, value in batch.items()]
            self._client.log_batch(self._run_id, params=params, synchronous=True)

    def _tags(self, data: dict[str, Any]) -> None:
        from mlflow.entities import RunTag

        for batch in batches(data["tags"]):
            tags = [RunTag(key, value) for key, value in batch.items()]
            self._client.log_batch(self._run_id, tags=tags, synchronous=True)

    def _untag(self, data: dict[str, Any]) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.delete_tag(self._run_id, data["tag"])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # it is gone already
                raise

    def _metrics(self, data: dict[str, Any]) -> None:
        from mlflow.entities import Metric

        step, time = data["step"], data["time"]
        # Values that JSON has no number for (nan, inf) were written as strings.
        metrics = [Metric(key, float(value), time, step) for key, value in data["metrics"].items()]
        for start in range(0, len(metrics), _METRICS_A_REQUEST):
            batch = metrics[start : start + _METRICS_A_REQUEST]
            self._client.log_batch(self._run_id, metrics=batch, synchronous=True)

    def _missing(self, data: dict[str, Any]) -> dict[str, Any]:
        """The entry of metrics without those that have a value at its step already."""

        def has(key: str) -> bool:
            history = self._client.get_metric_history(self._run_id, key)
            return any(point.step == data["step"] for point in history)

        missing = {key: value for key, value in data["metrics"].items() if not has(key)}
        return {**data, "metrics": missing}

    def _dataset(self, data: dict[str, Any]) -> None:
        self._client.log_inputs(self._run_id, [dataset_input(data)])

    def _checkpoint(self, data: dict[str, Any]) -> None:
        copy = self._copy(data)
        if not copy.is_file():
            raise Refused(f"{copy} is gone")
        try:
            CheckpointModels(self._client, self._run_id).write(copy, data)
        except ValueError as error:
            raise Refused(str(error)) from error

    def _copy(self, data: dict[str, Any]) -> Path:
        try:
            return self._spool.path(data["copy"])
        except TrackingError as error:
            raise Refused(str(error)) from error

    def _artifact(self, data: dict[str, Any]) -> None:
        copy, folder = self._copy(data), data["folder"]
        if copy.is_dir():
            target = f"{folder}/{copy.name}" if folder else copy.name
            self._client.log_artifacts(self._run_id, str(copy), target)
        elif copy.is_file():
            self._client.log_artifact(self._run_id, str(copy), folder)
        else:
            raise Refused(f"{copy} is gone")

    def _status(self, data: dict[str, Any]) -> None:
        if data["status"] == "RUNNING":
            self._client.update_run(self._run_id, status="RUNNING")
            return
        with without_printed_address():
            self._client.set_terminated(self._run_id, data["status"], data["time"])


@contextmanager
def _refusals() -> Iterator[None]:
    """Tell an answer that is final from a store that is in trouble."""
    from mlflow.exceptions import MlflowException
    from requests import HTTPError

    try:
        yield
    except MlflowException as error:
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise Refused(str(error)) from error
        raise
    except HTTPError as error:
        if error.response is not None and error.response.status_code in _NEVER:
            raise Refused(str(error)) from error
        raise


@contextmanager
def without_printed_address() -> Iterator[None]:
    """MLflow prints the run's address to stdout, into the midst of our JSON, unless told not to."""
    with environment_variable("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"):
        yield
