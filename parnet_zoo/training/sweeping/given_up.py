"""After each epoch of a trial: whether it goes on."""

from __future__ import annotations

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.sweep_siblings import SweepSiblings
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sweeping.known_trial import KnownTrial
from parnet_zoo.training.sweeping.prune import is_behind


class GivenUp:
    """Compares a trial's metric to those of the sweep's other trials, as far as MLflow has them.

    A store that does not answer gives nobody up.

    Args:
        siblings: The sweep's other runs.
        metric: What is compared.
        maximise: Whether more of it is better.
        epochs: Of the trial.
        progress: What the person sees.
    """

    def __init__(
        self,
        siblings: SweepSiblings,
        *,
        metric: str,
        maximise: bool,
        epochs: int,
        progress: Progress,
    ) -> None:
        self._siblings = siblings
        self._metric = metric
        self._maximise = maximise
        self._epochs = epochs
        self._progress = progress
        self._own: dict[int, float] = {}

    def __call__(self, metrics: dict[str, float], epoch: int) -> bool:
        """Whether the trial ends after this epoch, counted from 1."""
        try:
            if not self._own:
                self._own = self._siblings.own(self._metric)
            others = self._siblings.finished(self._metric)
        except TrackingError as error:
            self._progress.warn(f"nothing to compare the trial with: {error}")
            others = {}
        self._own[epoch] = metrics[self._metric]
        known = [KnownTrial(n, {}, "complete", *found) for n, found in others.items()]
        behind = is_behind(self._own, known, epochs=self._epochs, maximise=self._maximise)
        if behind:
            self._progress.say(
                f"given up after epoch {epoch}: {self._metric} {metrics[self._metric]:.4f} is"
                f" behind the median of {len(known)} trials"
            )
        return behind
