"""What a sampler or a pruner knows of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class KnownTrial:
    """One trial of a sweep.

    Attributes:
        number: From 0.
        values: Its combination.
        state: `running` also stands for one that was broken off, and will be gone on with.
        value: What it reached; None where it has not ended.
        by_epoch: The metric by epoch, from 1.
    """

    number: int
    values: Mapping[str, Any]
    state: Literal["complete", "pruned", "failed", "running"]
    value: float | None = None
    by_epoch: Mapping[int, float] = field(default_factory=dict)
