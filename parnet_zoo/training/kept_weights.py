"""Weights that stay in MLflow beside those of the best epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["epoch", "best", "last"]


@dataclass(frozen=True)
class KeptWeights:
    """A file of weights that the recipe asks for.

    Attributes:
        path: The file, which will be gone soon.
        kind: Why it is kept: each so many epochs, as the best so far, or as the last.
        epoch: Whose weights they are, from 1.
        keep: How many of the kind stay, the newest; None: all.
    """

    path: Path
    kind: Kind
    epoch: int
    keep: int | None
