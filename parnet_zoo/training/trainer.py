"""The loop over epochs and steps, which can be broken off and gone on with anywhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.duration import seconds_of
from parnet_zoo.training.batch_feed import BatchFeed
from parnet_zoo.training.checkpoint_file import Checkpoint
from parnet_zoo.training.checkpoint_folder import CheckpointFolder
from parnet_zoo.training.fit_progress import FitProgress
from parnet_zoo.training.fit_state import EpochSums, FitState
from parnet_zoo.training.interruption import Interruption, interruption
from parnet_zoo.training.learner import Learner
from parnet_zoo.training.learning_rate import rate_at
from parnet_zoo.training.pace import Pace
from parnet_zoo.training.start import Start
from parnet_zoo.training.time_budget import TimeBudget
from parnet_zoo.training.train_step import StepSums
from parnet_zoo.training.validation import Validation

STEPS_BEFORE_ESTIMATE = 50


class DivergedError(Exception):
    """The loss became infinite or not a number."""


@dataclass
class Trainer:
    """One training, from whatever state it is in to its end.

    Attributes:
        recipe: What to do.
        learner: The variables and what changes them.
        state: All else that changes.
        feed: The batches.
        validation: Measures each epoch.
        checkpoints: Where the way back is kept.
        end_epoch: Called in the middle of the averaged network after each epoch's validation, with
            the metrics and the state, which it may change; what it reports of the epoch is reported
            before the checkpoint that has it behind it.
        saved: Called after each checkpoint.
        pace: Tells when it will be done.
        shown: What the person sees.
        began: The start of the command.
        steps_per_epoch: Steps that see each image once.
        budget: Decides on the number of steps, where the recipe has a time.
    """

    recipe: Recipe
    learner: Learner
    state: FitState
    feed: BatchFeed
    validation: Validation
    checkpoints: CheckpointFolder
    end_epoch: Callable[[dict[str, float], FitState], None]
    saved: Callable[[FitState], None]
    pace: Pace
    shown: FitProgress
    began: Start
    steps_per_epoch: int
    budget: TimeBudget | None = None
    _interruption: Interruption = field(default_factory=Interruption)
    _saved: float = field(default_factory=time.monotonic)
    _stepped: bool = False
    _expected: bool = False

    def train(self) -> None:
        """Go on to the end.

        Raises:
            DivergedError: The loss is no number any more.
            Interrupted: Ctrl-C or SIGTERM; a checkpoint has been written.
            ParnetZooError: The disk is full.
        """
        with interruption() as self._interruption:
            try:
                while not self.state.finished:
                    self._train_epoch()
                    self._end_epoch()
            finally:
                self.shown.close()
        self._interruption.raise_it()  # it may have come after the last step

    @property
    def _save_seconds(self) -> float:
        return seconds_of(self.recipe.save_every)

    @property
    def _epochs(self) -> int:
        return -(-self.state.total_steps // self.steps_per_epoch)

    @property
    def _epoch_end(self) -> int:
        end = (self.state.epochs + 1) * self.steps_per_epoch
        return min(end, self.state.total_steps)

    def _train_epoch(self) -> None:
        """Take the steps that are left of the epoch."""
        state = self.state
        first = state.epochs * self.steps_per_epoch
        head_epochs = self._head_epochs()
        self.learner.train_head_only(state.epochs < head_epochs)
        if head_epochs and state.step == head_epochs * self.steps_per_epoch:
            self.learner.restart_optimizer()  # also where a run goes on right here
        size = self.feed.size(state.step, state.total_steps)
        self.shown.begin_epoch(state.epochs + 1, self._epochs, self._epoch_end - first, size)
        while state.step < self._epoch_end:
            self._take_step()
            left = self._remaining() if self._expected else None
            rate = state.sums.images / max(state.sums.seconds, 1e-9)
            self.shown.step(state.step - first, state.sums.means(), rate, left)
            self._pause()

    def _head_epochs(self) -> int:
        # Under a time budget the number of epochs is not the recipe's.
        wanted = self.recipe.schedule.head_epochs
        return min(wanted, self._epochs // 2) if self.budget else wanted

    def _take_step(self) -> None:
        state, since = self.state, time.perf_counter()
        pixels, targets = self.feed.take(state.step, state.total_steps)
        rate = self.rate(state.step)
        sums = self.learner.step(pixels, targets, number=state.step, rate=rate)
        self._count(sums, len(pixels), since)
        if not self._stepped:
            self._stepped = True
            self.shown.first_step(self.began.seconds())

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        section = self.recipe.schedule
        if self.budget:
            section = self.budget.fitted(section, self.state.total_steps, self.steps_per_epoch)
        return rate_at(
            step,
            rate=self.recipe.optimizer.learning_rate,
            section=section,
            steps_per_epoch=self.steps_per_epoch,
            total_steps=self.state.total_steps,
        )

    def _count(self, sums: StepSums, images: int, since: float) -> None:
        """Add a step to the epoch, and see to the plan."""
        state, loss = self.state, float(sums.loss)
        if not math.isfinite(loss):
            raise DivergedError
        spent = time.perf_counter() - since
        so_far = state.sums
        state.sums = EpochSums(
            loss=so_far.loss + loss,
            correct=so_far.correct + float(sums.correct),
            images=so_far.images + images,
            seconds=so_far.seconds + spent,
        )
        self.pace.stepped(self.feed.size(state.step, state.total_steps), spent)
        state.step += 1
        self._look_ahead()

    def _look_ahead(self) -> None:
        """Fit the training to the clock, and say once when it will be done."""
        state = self.state
        if self.budget and self.pace.timed and self.budget.due(state, self.pace.timed):
            state.total_steps = self.budget.steps(self.pace, state, self._spent())
        enough = min(STEPS_BEFORE_ESTIMATE, max(1, state.total_steps // 4))
        if not self._expected and self.pace.timed >= enough:
            self._expected = True
            self.shown.expect(self._remaining(), self.pace.step_seconds)

    def _remaining(self) -> float:
        return self.pace.remaining(self.state.step, self.state.total_steps)

    def _spent(self) -> float:
        """Wall-clock seconds of this run, those before an interruption included."""
        return self.state.seconds + self.began.seconds()

    def _pause(self) -> None:
        """Between two steps: write a checkpoint when it is time, or when somebody wants an end."""
        if self._interruption:
            self.save()
            self._interruption.raise_it()
        if time.monotonic() - self._saved > self._save_seconds:
            self.save()

    def _end_epoch(self) -> None:
        """Validate, report, and write a checkpoint that has all of it behind it."""
        state, since = self.state, time.monotonic()
        metrics = state.sums.means()
        with self.learner.averaged():
            measured = self.validation.measure(lambda: self._interruption)
            if measured is not None:
                metrics |= measured
                self.pace.validated(time.monotonic() - since)
                metrics |= self._circumstances()
                self._note(metrics)
                self.end_epoch(metrics, state)
        if measured is None:
            self.save()
            self._interruption.raise_it()
            return
        spent = state.sums.seconds + time.monotonic() - since
        self.shown.end_epoch(state.epochs, self._epochs, metrics, spent)
        state.sums = EpochSums()
        if state.finished or time.monotonic() - self._saved > self._save_seconds / 4:
            self.save()
        self._pause()

    def _circumstances(self) -> dict[str, float]:
        sums = self.state.sums
        return {
            "learning_rate": self.rate(max(self.state.step - 1, 0)),
            "images_per_second": sums.images / max(sums.seconds, 1e-9),
            "cpu_seconds": self._cpu_seconds(),
        }

    def _note(self, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            self.state.history.setdefault(name, []).append(value)

    def _cpu_seconds(self) -> float:
        return self.state.cpu_seconds + self.began.cpu_seconds()

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            ParnetZooError: The disk is full.
        """
        kept = self.state.model_copy(
            update={"seconds": self._spent(), "cpu_seconds": self._cpu_seconds()}
        )
        state: dict[str, Any] = kept.model_dump(mode="json")
        self.checkpoints.save(Checkpoint(self.learner.variables(), state))
        self.saved(self.state)
        self._saved = time.monotonic()
