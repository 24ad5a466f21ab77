"""A training that ends when its time is over."""

from __future__ import annotations

from dataclasses import dataclass

from parnet_zoo.recipe.schema.schedule import ScheduleSection
from parnet_zoo.training.fit_state import FitState
from parnet_zoo.training.pace import Pace

FIRST_STEPS = 10
"""Timed steps after which the number of steps is settled for the first time."""
FIRST_GUESS = 100
"""Steps at least that a training is taken to have until then, or it might end before."""
SHARE = 20
"""The number is looked at again after each so much of the training: machines are shared."""
LONGEST_WARM_UP = 0.2
"""Of a training that turned out shorter than its recipe thought."""


@dataclass
class TimeBudget:
    """Chooses the number of steps so that a run ends in time.

    Attributes:
        seconds: Wall-clock seconds of the whole run, start-up and judging included.
    """

    seconds: float
    _next: int = 0

    def due(self, state: FitState, timed: int) -> bool:
        """Whether it is time to look at the clock; `timed` steps have been timed so far."""
        if timed < FIRST_STEPS or state.step < self._next:
            return False
        self._next = state.step + max(FIRST_STEPS, state.total_steps // SHARE)
        return True

    def steps(self, pace: Pace, state: FitState, spent: float) -> int:
        """How many steps the whole training should have, `spent` seconds after the run began."""
        total = pace.fitting_steps(state.step, self.seconds - spent)
        self._next = state.step + max(FIRST_STEPS, (total - state.step) // SHARE)
        return total

    def fitted(
        self, section: ScheduleSection, total_steps: int, steps_per_epoch: int
    ) -> ScheduleSection:
        """The schedule with a warm-up that fits into the training."""
        longest = LONGEST_WARM_UP * total_steps / steps_per_epoch
        if section.warmup_epochs <= longest:
            return section
        return section.model_copy(update={"warmup_epochs": longest})
