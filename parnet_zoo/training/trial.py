"""A training that is one of a sweep's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from parnet_zoo.errors import UsageError

FILE = "trial.json"
"""In the run's folder, so that whoever goes on with the run knows whose it is."""


def _goes_on(_metrics: dict[str, float], _epoch: int) -> bool:
    return False


@dataclass(frozen=True)
class TrialOf:
    """Which trial of which sweep a training is.

    Its run is nested in the sweep's, and its network is logged, but not registered: only the best
    of a sweep is, when somebody asks for it.

    Attributes:
        parent_run_id: MLflow's id of the sweep's run.
        number: Of the trial, from 0.
        stops: Asked after each epoch, with its metrics and its number from 1, whether the trial is
            so far behind the others that it is given up.
    """

    parent_run_id: str
    number: int
    stops: Callable[[dict[str, float], int], bool] = _goes_on

    def write(self, directory: Path) -> None:
        """Note it in the run's folder."""
        content = {"parent_run_id": self.parent_run_id, "number": self.number}
        (directory / FILE).write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """What a run's folder says; None where the run is no trial.

        Raises:
            UsageError: The folder is not whole.
        """
        try:
            text = (directory / FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{directory} is not whole: {FILE} cannot be read") from error
        try:
            match json.loads(text):
                case {"parent_run_id": str(parent), "number": int(number)}:
                    return cls(parent, number)
        except (ValueError, RecursionError):
            pass
        raise UsageError(f"{directory} is not whole: {FILE} cannot be read")


class TrialPruned(Exception):  # noqa: N818  # no error: the trial has ended as it should
    """A trial was given up after an epoch.

    Attributes:
        epoch: Which, from 1.
    """

    def __init__(self, epoch: int) -> None:
        super().__init__(f"given up after epoch {epoch}")
        self.epoch = epoch
