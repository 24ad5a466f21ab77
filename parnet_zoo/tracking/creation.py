"""A run in MLflow for a journal, one and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from parnet_zoo.tracking.entry_data import CreatedData, RunData
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.store import connect, speaking_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL_ID_TAG = "parnet_zoo.local_id"
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
"""MLflow repeats a request whose answer was lost: what creates something must not be repeated."""


def create_run(
    run: RunData, owner: Mapping[str, str], client: MlflowClient, uri: str
) -> CreatedData:
    """Create the run, or find it where a crash, or a lost answer, came after its creation.

    Args:
        run: How it began.
        owner: Tags of the process that takes care of it now.
        client: Of the store.
        uri: The store's address.

    Raises:
        TrackingError: The store does not answer, or refuses.
    """
    experiment_id = connect(run.experiment, uri)
    found = find_run(run.local_id, [experiment_id], client, uri)
    if found is not None:
        return CreatedData(run_id=found, experiment_id=experiment_id)
    with speaking_of(uri), environment_variable(RETRIES, "0"):
        created = client.create_run(
            experiment_id,
            start_time=run.time,
            run_name=run.name,
            tags={**run.tags, **owner, LOCAL_ID_TAG: run.local_id},
        )
    return CreatedData(run_id=str(created.info.run_id), experiment_id=experiment_id)


def find_run(local_id: str, experiments: list[str], client: MlflowClient, uri: str) -> str | None:
    """MLflow's id of the run with a local id; None where there is none.

    Raises:
        TrackingError: The store does not answer.
    """
    wanted = f"tags.`{LOCAL_ID_TAG}` = '{local_id}'"
    with speaking_of(uri):
        found = client.search_runs(experiments, wanted, order_by=["attributes.start_time ASC"])
    return str(found[0].info.run_id) if found else None
