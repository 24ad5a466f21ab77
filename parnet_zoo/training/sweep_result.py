"""What a sweep leaves behind."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from parnet_zoo.training.promote import Promotion


class TrialResult(BaseModel):
    """One trial.

    Attributes:
        number: From 0.
        state: `finished`; `pruned`: given up, far behind the others; `failed`; or `open`: it has
            not begun, or has not ended.
        run_id: Its MLflow run; None where it has none.
        values: What was varied, by dotted field.
        value: The sweep's metric at the epoch whose weights were kept; of a pruned trial, the best
            until then.
        metrics: Others that help to choose, as far as it has them.
        seconds: Wall-clock time.
        model_uri: `models:/ID` of its network; None where it has none.
        failure: Why it failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    number: int
    state: Literal["finished", "pruned", "failed", "open"]
    run_id: str | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    value: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds: float | None = None
    model_uri: str | None = None
    failure: str | None = None


class SweepResult(BaseModel):
    """Where to find a sweep and what it reached.

    Attributes:
        run_id: Its MLflow run, in which those of the trials are nested.
        experiment_id: Of its experiment.
        tracking_uri: The store.
        metric: What is best.
        trials: All of them.
        best: The best that finished; None where none did.
        promotion: What became of the best one, where it was to be promoted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    experiment_id: str
    tracking_uri: str
    metric: str
    trials: tuple[TrialResult, ...]
    best: TrialResult | None
    promotion: Promotion | None = None
