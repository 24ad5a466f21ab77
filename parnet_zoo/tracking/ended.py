"""Runs that have their end behind them, as MLflow knows them."""

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from parnet_zoo.tracking.creation import LOCAL_ID_TAG
from parnet_zoo.tracking.pages import pages
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri

DIRECTORY_TAG = "parnet_zoo.directory"
_LOOKED_AT = 1000


class EndedRun(BaseModel):
    """A run that is not going on.

    Attributes:
        run_id: MLflow's id.
        status: "FINISHED", "KILLED" or "FAILED", or "RUNNING" for one elsewhere.
        directory: The folder on the machine that it ran on.
        model_uri: The version that was registered from it, if there is one.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    run_id: str
    status: str
    directory: str | None = None
    model_uri: str | None = None


def ended_run(run_id: str | None, *, below: Path | None = None) -> EndedRun | None:
    """Look a run up in MLflow.

    Args:
        run_id: Which, by MLflow's id or the local one; None: the last one of this package that is
            finished.
        below: Of this last one, the absolute folder in which its own was; None: anywhere.

    Returns:
        None where there is no such run.

    Raises:
        TrackingError: The store does not answer.
    """
    uri = tracking_uri()
    if missing_database(uri):
        return None
    client = open_client(uri)
    with speaking_of(uri):
        run = _last(client, below) if run_id is None else _named(client, run_id)
        return None if run is None else _ended(client, run)


def _named(client: Any, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return _named_locally(client, run_id)
        raise


def _named_locally(client: Any, local_id: str) -> Any:
    if not re.fullmatch(r"[\w-]+", local_id):  # it would not be a word in a filter
        return None
    experiments = [found.experiment_id for found in pages(client.search_experiments)]
    found = client.search_runs(experiments, f"tags.`{LOCAL_ID_TAG}` = '{local_id}'")
    return found[0] if found else None


def _last(client: Any, below: Path | None) -> Any:
    experiments = [found.experiment_id for found in client.search_experiments()]
    wanted = f"attributes.status = 'FINISHED' AND tags.`{DIRECTORY_TAG}` LIKE '%'"
    order = ["attributes.start_time DESC"]
    runs = client.search_runs(experiments, wanted, max_results=_LOOKED_AT, order_by=order)
    return next((run for run in runs if below in (None, _folder(run).parent)), None)


def _folder(run: Any) -> Path:
    return Path(run.data.tags[DIRECTORY_TAG])


def _ended(client: Any, run: Any) -> EndedRun:
    versions = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    last = max(versions, key=lambda version: int(version.version), default=None)
    return EndedRun(
        run_id=run.info.run_id,
        status=run.info.status,
        directory=run.data.tags.get(DIRECTORY_TAG),
        model_uri=None if last is None else f"models:/{last.name}/{last.version}",
    )
