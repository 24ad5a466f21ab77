"""Runs whose process was killed before it could say so."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from parnet_zoo.tracking.pages import pages
from parnet_zoo.tracking.process import Host, is_gone
from parnet_zoo.tracking.run import HOST_TAG, PROCESS_TAG
from parnet_zoo.tracking.sender import without_printed_address
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient


def mark_dead_runs() -> list[str]:
    """Set to KILLED the RUNNING runs of this host whose process is gone.

    A run of another host, or of a container whose processes cannot be seen from here, is left
    alone. So is a run that this package did not start. A store that does not exist yet is not
    created.

    Returns:
        The ids of the runs that were set.

    Raises:
        TrackingError: The store does not answer.
    """
    uri = tracking_uri()
    if missing_database(uri):
        return []
    client = open_client(uri)
    here = Host.here()
    with speaking_of(uri):
        dead = [run.info.run_id for run in _running(client, here) if _is_dead(run, here)]
        return [run_id for run_id in dead if _kill(client, run_id)]


def _running(client: "MlflowClient", here: Host) -> Iterator[Any]:
    """All runs of the store that are RUNNING and name this host."""
    experiments = [e.experiment_id for e in pages(client.search_experiments)]
    # Other hosts may begin with this name; `_is_dead` looks closely.
    pattern = here.name.replace("'", "_")
    wanted = f"attributes.status = 'RUNNING' AND tags.`{HOST_TAG}` LIKE '{pattern}/%'"
    if experiments:
        yield from pages(client.search_runs, experiment_ids=experiments, filter_string=wanted)


def _is_dead(run: Any, here: Host) -> bool:
    host = Host.parse(run.data.tags.get(HOST_TAG, ""))
    if host is None:
        return False
    if here.restarted_since(host):
        return True
    return host == here and is_gone(run.data.tags.get(PROCESS_TAG, ""))


def _kill(client: "MlflowClient", run_id: str) -> bool:
    # It may have ended properly between the search and now.
    if client.get_run(run_id).info.status != "RUNNING":
        return False
    with without_printed_address():
        client.set_terminated(run_id, "KILLED")
    return True
