"""What the other trials of a sweep had reached at each epoch."""

from __future__ import annotations

from parnet_zoo.tracking.pages import pages
from parnet_zoo.tracking.store import open_client, speaking_of
from parnet_zoo.tracking.sweep_child import PARENT_TAG, SweepChild
from parnet_zoo.tracking.uri import tracking_uri


class SweepSiblings:
    """The runs of a sweep, as one of its trials sees them.

    Args:
        parent_run_id: The sweep's run.
        number: Of the trial that asks.
    """

    def __init__(self, parent_run_id: str, number: int) -> None:
        self._parent = parent_run_id
        self._number = number
        self._finished: dict[int, tuple[float | None, dict[int, float]]] = {}

    def finished(self, metric: str) -> dict[int, tuple[float | None, dict[int, float]]]:
        """What each trial that came to its end reached, and its metric by epoch.

        Raises:
            TrackingError: The store does not answer.
        """
        for child in self._children():
            ended = child.status == "FINISHED" and not child.pruned
            if ended and child.number != self._number and child.number not in self._finished:
                value = child.metrics.get(f"best_{metric}")
                self._finished[child.number] = (value, metric_by_epoch(child.run_id, metric))
        return self._finished

    def own(self, metric: str) -> dict[int, float]:
        """The asking trial's metric by epoch, from before it was broken off.

        Raises:
            TrackingError: The store does not answer.
        """
        found: dict[int, float] = {}
        for child in self._children():
            if child.number == self._number:
                found |= metric_by_epoch(child.run_id, metric)
        return found

    def _children(self) -> list[SweepChild]:
        uri = tracking_uri()
        client = open_client(uri)
        with speaking_of(uri):
            experiment = client.get_run(self._parent).info.experiment_id
            wanted = f"tags.`{PARENT_TAG}` = '{self._parent}'"
            runs = list(pages(client.search_runs, [experiment], wanted))
        return [child for child in map(SweepChild.of, runs) if child is not None]


def metric_by_epoch(run_id: str, metric: str) -> dict[int, float]:
    """A metric of a run by its step.

    Raises:
        TrackingError: The store does not answer.
    """
    uri = tracking_uri()
    client = open_client(uri)
    with speaking_of(uri):
        return {point.step: point.value for point in client.get_metric_history(run_id, metric)}
