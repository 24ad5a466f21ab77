"""One process' part of a sweep: it takes trial after trial until none is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from parnet_zoo.errors import TrackingError
from parnet_zoo.recipe.yaml_text import yaml_value
from parnet_zoo.tracking.run import JOURNAL
from parnet_zoo.tracking.sweep_board import SUMMARY, Standing, SweepBoard
from parnet_zoo.tracking.sweep_child import SweepChild
from parnet_zoo.tracking.sweep_workers import BEAT_SECONDS
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweep_result import TrialResult
from parnet_zoo.training.sweeping.definition import (
    SweepDefinition,
    Values,
    as_settings,
    in_words,
)
from parnet_zoo.training.sweeping.job import TrialEnd, TrialJob
from parnet_zoo.training.sweeping.patience import patiently
from parnet_zoo.training.sweeping.report import write_report
from parnet_zoo.training.sweeping.results import Results
from parnet_zoo.training.sweeping.suggest import suggest

_TRIES = 5
"""For a trial that loses the store again and again."""
_POLL_SECONDS = 3.0
_TRACKING = TrackingError.exit_code

T = TypeVar("T")
RunTrial = Callable[[TrialJob, Path, Callable[[], None]], TrialEnd]


@dataclass
class Work:
    """Works on a sweep.

    Attributes:
        board: Where the processes agree on who does what.
        definition: The sweep.
        recipe: File with the definition's recipe.
        folder: The current one, in which new trials begin.
        progress: What the person sees.
        run_trial: Trains one; see `run_trial`.
    """

    board: SweepBoard
    definition: SweepDefinition
    recipe: Path
    folder: Path
    progress: Progress
    run_trial: RunTrial
    _results: Results = field(init=False)
    _beaten: float = field(default_factory=time.monotonic)
    _waiting_said: bool = False

    def __post_init__(self) -> None:
        self._results = Results(self.definition)

    def work(self) -> list[TrialResult]:
        """Take part until the sweep has its end behind it.

        Returns:
            All trials.

        Raises:
            TrackingError: The store answers, and refuses.
            KeyboardInterrupt: Ctrl-C or SIGTERM; the trial in work has a checkpoint, and what this
                process had is given back.
        """
        standing = self._standing()
        while standing.status != "FINISHED":
            if not self._step(standing):
                self._wait(standing)
            standing = self._standing()
        return self._ask(lambda: self._results.rows(standing))

    def _step(self, standing: Standing) -> bool:
        """Do what can be done now; False where only others have something in work."""
        taken = self._take(standing)
        if taken is not None:
            self._do(*taken)
            self._report()
            return True
        if self._open(standing):
            return False
        return self._summarise(standing)

    def _open(self, standing: Standing) -> list[int]:
        """Trials that have not come to their end."""
        settled = {number for number, child in standing.children.items() if child.settled}
        return [number for number in range(self.definition.trials) if number not in settled]

    def _take(self, standing: Standing) -> tuple[int, Values] | None:
        """Claim a trial: first one that was broken off, then one that nobody has begun."""
        numbers = self._open(standing)
        returned = [number for number in numbers if standing.given_back(number)]
        new = [number for number in numbers if number not in standing.claims]
        for number in [*returned, *new[:1]]:
            claim = standing.claims.get(number)
            if claim is not None:
                values, attempt = dict(claim.values), claim.attempt + 1
            else:
                known = self._ask(partial(self._results.known, standing))
                values, attempt = suggest(self.definition, number, known), 1
            if self._ask(partial(self.board.claim, number, attempt, values)):
                return number, values
            if claim is None:  # another process was faster: look again
                return self._take(self._standing())
        return None

    def _do(self, number: int, values: Values) -> None:
        """Bring a trial to its end, whatever that is."""
        self.progress.say(
            f"\ntrial {number} (of {self.definition.trials}, from 0): {in_words(values)}"
        )
        end = TrialEnd(code=_TRACKING, error="")
        for _ in range(_TRIES):
            child = self._child(number)
            if child is not None and child.settled:
                break
            end = self._run(number, values, child)
            child = self._child(number)
            if end.code not in (0, _TRACKING) or (child is not None and child.settled):
                break
        self._settle(number, values, end)

    def _run(self, number: int, values: Values, child: SweepChild | None) -> TrialEnd:
        """Start a trial, or go on with it where its folder is here."""
        folder = self.folder
        if child is not None:
            self._wait_for(child)
            home = _home(child)
            if home is None:
                self._ask(partial(self.board.supersede, child.run_id))
                self.progress.say("its checkpoints are not on this machine: it begins anew")
                child = None
            else:
                folder = home
        job = TrialJob(
            recipe=self.recipe,
            settings=(*self.definition.settings, *as_settings(values)),
            changes=self.definition.changes,
            parent_run_id=self.board.run_id,
            number=number,
            metric=self.definition.metric,
            maximise=self.definition.maximise,
            prune=self.definition.prune,
            quiet=self.progress.quiet,
            run_id=None if child is None else child.run_id,
        )
        return self.run_trial(job, folder, self._alive)

    def _wait_for(self, child: SweepChild) -> None:
        """Until the process that has it, whose starter is gone, has written its checkpoint."""
        while child.in_work_here:
            time.sleep(0.5)

    def _settle(self, number: int, values: Values, end: TrialEnd) -> None:
        """See that MLflow has the trial's end, also where its process could not say it."""
        child = self._child(number)
        if child is None:
            params = {field: yaml_value(value) for field, value in values.items()}
            name = f"{number:03d}-failed"
            self._ask(lambda: self.board.failed_child(number, name, end.error, params))
        elif not child.settled:
            reason = end.error or "its process was ended by somebody"
            self._ask(lambda: self.board.fail_child(child.run_id, f"trial: {reason}"))
        if child is None or child.status != "FINISHED":
            self.progress.warn(f"trial {number} failed, the sweep goes on: {end.error}")

    def _report(self) -> None:
        """Bring table and figure up to date, for those who look on."""
        standing = self._standing()
        rows = self._ask(lambda: self._results.rows(standing))
        write_report(self.board, self.definition, rows, self._results.best(rows))

    def _summarise(self, standing: Standing) -> bool:
        """Write the results, once; False while another process does."""
        claim = standing.claims.get(SUMMARY)
        if claim is not None and not standing.given_back(SUMMARY):
            return False
        attempt = 1 if claim is None else claim.attempt + 1
        if not self._ask(lambda: self.board.claim(SUMMARY, attempt, {})):
            return False
        self._ask(self._summary)
        return True

    def _summary(self) -> None:
        rows = self._results.rows(self.board.standing())
        best = self._results.best(rows)
        write_report(self.board, self.definition, rows, best)
        states: list[str] = [row.state for row in rows]
        ends = ("finished", "pruned", "failed")
        metrics: dict[str, float] = {f"trials_{state}": states.count(state) for state in ends}
        if best is not None and best.value is not None:
            metrics |= {f"best_{self.definition.metric}": best.value, "best_trial": best.number}
            self.board.set_tags({"parnet_zoo.best_run": best.run_id or ""})
        self.board.log_metrics(metrics)
        self.board.finish()

    def _wait(self, standing: Standing) -> None:
        if not self._waiting_said:
            self._waiting_said = True
            left = ", ".join(map(str, self._open(standing))) or "the results"
            self.progress.say(f"other processes have in work what is left ({left}); waiting")
        time.sleep(_POLL_SECONDS)
        if time.monotonic() - self._beaten > BEAT_SECONDS:
            self._alive()

    def _alive(self) -> None:
        """Say that this process lives; a store that is away will hear of it later."""
        self._beaten = time.monotonic()
        try:
            self.board.beat()
        except TrackingError:
            return

    def _child(self, number: int) -> SweepChild | None:
        return self._standing().children.get(number)

    def _standing(self) -> Standing:
        return self._ask(self.board.standing)

    def _ask(self, act: Callable[[], T]) -> T:
        return patiently(act, self.progress)


def _home(child: SweepChild) -> Path | None:
    """The folder that a trial was started in, if what it has left is still there."""
    directory = child.directory
    if directory is None or not (directory / JOURNAL).is_file():
        return None
    return directory.parents[2]
