"""What the process of one trial is told, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from parnet_zoo.training.sweeping.definition import Metric


class TrialJob(BaseModel):
    """One trial to train, or to go on with.

    Attributes:
        recipe: The sweep's recipe file.
        settings: As `--set` takes them; the trial's values are the last of them.
        changes: Keyword arguments of `train`.
        parent_run_id: The sweep's run.
        number: Of the trial.
        metric: What is best.
        maximise: Whether more of it is.
        prune: Whether it may be given up.
        quiet: Show nothing but warnings.
        run_id: The run to go on with; None: a new one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Path
    settings: tuple[str, ...]
    changes: dict[str, Any] = Field(default_factory=dict)
    parent_run_id: str
    number: int
    metric: Metric
    maximise: bool
    prune: bool
    quiet: bool
    run_id: str | None = None


class TrialEnd(BaseModel):
    """How the process of a trial ended.

    Attributes:
        code: Its exit code, negative for the signal that killed it.
        error: What went wrong; "" for nothing.
    """

    model_config = ConfigDict(frozen=True)

    code: int
    error: str = ""
