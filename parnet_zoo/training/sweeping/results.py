"""The trials of a sweep as MLflow knows them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from parnet_zoo.tracking.sweep_board import Standing
from parnet_zoo.tracking.sweep_child import FAILURE_TAG, MODEL_TAG, SweepChild
from parnet_zoo.tracking.sweep_siblings import metric_by_epoch
from parnet_zoo.training.sweep_result import TrialResult
from parnet_zoo.training.sweeping.definition import SweepDefinition
from parnet_zoo.training.sweeping.known_trial import KnownTrial

SHOWN = (
    "best_epoch",
    "best_val_accuracy",
    "best_val_loss",
    "test_accuracy",
    "latency_ms",
    "served_images_per_second",
)
"""Metrics in a sweep's table, where the trials have them."""
_STATES = {"complete": "finished", "pruned": "pruned", "failed": "failed", "running": "open"}


class Results:
    """Reads trials, and remembers what cannot change any more."""

    def __init__(self, definition: SweepDefinition) -> None:
        self._definition = definition
        self._histories: dict[str, dict[int, float]] = {}

    def known(self, standing: Standing) -> list[KnownTrial]:
        """The trials that have begun, as samplers and pruners see them.

        Raises:
            TrackingError: The store does not answer.
        """
        return [
            self._known(number, standing)
            for number, claim in sorted(standing.claims.items())
            if 0 <= number < self._definition.trials
        ]

    def rows(self, standing: Standing) -> list[TrialResult]:
        """All trials, for people.

        Raises:
            TrackingError: The store does not answer.
        """
        known = {trial.number: trial for trial in self.known(standing)}
        return [
            self._row(number, known.get(number), standing.children.get(number))
            for number in range(self._definition.trials)
        ]

    def best(self, rows: Iterable[TrialResult]) -> TrialResult | None:
        """The best that finished; of equal ones the first."""
        sign = -1 if self._definition.maximise else 1
        finished = [
            (sign * row.value, row.number, row)
            for row in rows
            if row.state == "finished" and row.value is not None and math.isfinite(row.value)
        ]
        return min(finished, key=lambda item: item[:2])[2] if finished else None

    def _known(self, number: int, standing: Standing) -> KnownTrial:
        claim, child = standing.claims[number], standing.children.get(number)
        if child is None or child.status == "FAILED":
            state = "running" if child is None or not child.settled else "failed"
            return KnownTrial(number, claim.values, "failed" if state == "failed" else "running")
        if child.status != "FINISHED":
            return KnownTrial(number, claim.values, "running", by_epoch=self._history(child))
        if child.pruned:
            history = self._history(child)
            finite = [value for value in history.values() if math.isfinite(value)]
            best = (max if self._definition.maximise else min)(finite, default=None)
            return KnownTrial(number, claim.values, "pruned", best, history)
        value = child.metrics.get(f"best_{self._definition.metric}")
        return KnownTrial(number, claim.values, "complete", value, self._history(child))

    def _history(self, child: SweepChild) -> dict[int, float]:
        if child.run_id in self._histories:
            return self._histories[child.run_id]
        history = metric_by_epoch(child.run_id, self._definition.metric)
        if child.settled:
            self._histories[child.run_id] = history
        return history

    def _row(self, number: int, known: KnownTrial | None, child: SweepChild | None) -> TrialResult:
        if known is None:
            return TrialResult(number=number, state="open")
        row = {"number": number, "state": _STATES[known.state], "values": dict(known.values)}
        if child is not None:
            ended = child.ended if child.settled else None
            row |= {
                "run_id": child.run_id,
                "metrics": {name: child.metrics[name] for name in SHOWN if name in child.metrics},
                "seconds": None if ended is None else (ended - child.started) / 1000,
                "model_uri": child.tags.get(MODEL_TAG),
                "failure": child.tags.get(FAILURE_TAG) if known.state == "failed" else None,
            }
        return TrialResult.model_validate({**row, "value": known.value})
