"""The folder of one run: where everything is that must survive a kill."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from parnet_zoo.errors import DataError, TrackingError, UsageError
from parnet_zoo.tracking.left_behind import LeftRun, left_runs
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.trial import TrialOf

RUNS = Path(".parnet-zoo") / "runs"
"""Where the folders are, below the working directory."""
RECIPE = "recipe.yaml"
_FACTS = "plan.json"


class _Facts(BaseModel):
    """What must still hold when a run goes on."""

    model_config = ConfigDict(extra="forbid")

    recipe_sha256: str
    data_digest: str


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run that is to be made or gone on with.

    Attributes:
        path: Absolute.
    """

    path: Path

    @classmethod
    def create(cls, plan: Plan, trial: TrialOf | None = None) -> Self:
        """Make the folder of a new run, with its whole recipe in it.

        Args:
            plan: What is to be done.
            trial: Which trial of a sweep it is, if it is one.

        Raises:
            TrackingError: It cannot be written.
        """
        path = (RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:8]}").resolve()
        recipe = plan.recipe.to_yaml().encode()
        facts = _Facts(
            recipe_sha256=hashlib.sha256(recipe).hexdigest(),
            data_digest=plan.folder.digest,
        )
        try:
            path.mkdir(parents=True)
            (path / RECIPE).write_bytes(recipe)
            if trial is not None:
                trial.write(path)
            (path / _FACTS).write_text(facts.model_dump_json(), encoding="utf-8")
        except OSError as error:
            raise TrackingError(f"{path} cannot be written: {error.strerror}") from error
        return cls(path)

    def check_recipe(self) -> None:
        """Compare the recipe that is there to that which the run began with.

        Raises:
            UsageError: It has changed, or the folder is not whole.
        """
        facts, path = self._facts(), self.path / RECIPE
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UsageError(f"{self.path} is not whole: {RECIPE} cannot be read") from error
        if found != facts.recipe_sha256:
            raise UsageError(
                f"{path} has changed since the run began, which goes on with its own recipe only:"
                " put it back, or start a new run with this one"
            )

    def check_images(self, plan: Plan) -> None:
        """Compare the images that a run is to go on with to those that it began with.

        Raises:
            DataError: They are others now.
            UsageError: The folder is not whole.
        """
        if self._facts().data_digest != plan.folder.digest:
            raise DataError(
                f"the images in {plan.folder.root} have changed since the run began, so that it"
                " cannot go on as if nothing had happened; put them back, or start a new run"
            )

    def _facts(self) -> _Facts:
        try:
            return _Facts.model_validate_json((self.path / _FACTS).read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"{self.path} is not whole: {_FACTS} cannot be read") from error


def broken_off(run_id: str | None) -> LeftRun | None:
    """The run in the working directory that is to go on.

    Args:
        run_id: Which one, by MLflow's id or the local one; None: the last one that was interrupted,
            or else the last that failed.

    Returns:
        None where there is no such run.
    """
    left = [run for run in left_runs(RUNS) if (run.directory / RECIPE).is_file()]
    if run_id is not None:
        return next((run for run in left if run_id in (run.run_id, run.local_id)), None)
    free = [run for run in left if not run.in_work]
    interrupted = [run for run in free if run.status in ("RUNNING", "KILLED")]
    failed = [run for run in free if run.status == "FAILED"]
    return max(interrupted or failed, key=lambda run: run.changed, default=None)
