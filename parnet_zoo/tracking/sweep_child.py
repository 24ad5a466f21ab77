"""A run of a sweep's trial, as MLflow knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from parnet_zoo.tracking.ended import DIRECTORY_TAG
from parnet_zoo.tracking.process import Host, is_gone
from parnet_zoo.tracking.run import HOST_TAG, PROCESS_TAG

PARENT_TAG = "mlflow.parentRunId"
NUMBER_TAG = "parnet_zoo.trial"
PRUNED_TAG = "parnet_zoo.pruned"
MODEL_TAG = "parnet_zoo.model"
FAILURE_TAG = "parnet_zoo.failure"
SUPERSEDED_TAG = "parnet_zoo.superseded"
_LOST_STORE = ("TrackingError", "NotRegisteredError")


@dataclass(frozen=True)
class SweepChild:
    """One trial's run.

    Attributes:
        run_id: MLflow's id.
        number: Of the trial, from 0.
        status: As MLflow says.
        metrics: Last values.
        tags: All of them.
        params: All of them.
        started: Milliseconds since 1970.
        ended: Likewise; None while it has not ended.
    """

    run_id: str
    number: int
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    started: int = 0
    ended: int | None = None

    @classmethod
    def of(cls, run: Any) -> Self | None:
        """Read MLflow's run; None where it is no trial, or another has taken its place."""
        number = run.data.tags.get(NUMBER_TAG, "")
        if not (number.isascii() and number.isdigit()) or SUPERSEDED_TAG in run.data.tags:
            return None
        info = run.info
        return cls(
            run_id=info.run_id,
            number=int(number),
            status=info.status,
            metrics=run.data.metrics,
            tags=run.data.tags,
            params=run.data.params,
            started=info.start_time or 0,
            ended=info.end_time,
        )

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do for it: one that only lost its store is gone on with."""
        lost = self.tags.get(FAILURE_TAG, "").startswith(_LOST_STORE)
        return self.status == "FINISHED" or (self.status == "FAILED" and not lost)

    @property
    def pruned(self) -> bool:
        """Whether it was given up, far behind the others."""
        return PRUNED_TAG in self.tags

    @property
    def directory(self) -> Path | None:
        """Its folder, on the machine that it ran on."""
        text = self.tags.get(DIRECTORY_TAG)
        return Path(text) if text else None

    @property
    def in_work_here(self) -> bool:
        """Whether a process of this host that can be seen from here works on it."""
        same = Host.parse(self.tags.get(HOST_TAG, "")) == Host.here()
        return same and not self.settled and not is_gone(self.tags.get(PROCESS_TAG, ""))
