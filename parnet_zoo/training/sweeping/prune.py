"""Whether a trial is so far behind the others that it is given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parnet_zoo.training.sweeping.known_trial import KnownTrial
from parnet_zoo.training.sweeping.study import calm_optuna, study_of

LEAST_TRIALS = 3
"""Whole trials to compare with, before any is given up."""
WARM_UP = 0.25
"""Part of a trial's epochs in which it is left alone."""


def is_behind(
    own: Mapping[int, float], others: Sequence[KnownTrial], *, epochs: int, maximise: bool
) -> bool:
    """Optuna's median rule: the best so far is worse than the others' median at the last epoch.

    Args:
        own: The trial's metric by epoch, from 1.
        others: The trials that came to their end.
        epochs: Of the trial; one that has reached its last epoch is not given up any more.
        maximise: Whether more of the metric is better.

    Source: `optuna.pruners.MedianPruner`, after Golovin et al., Google Vizier, KDD 2017.
    """
    if not own or max(own) >= epochs:
        return False
    import optuna

    pruner = optuna.pruners.MedianPruner(
        n_startup_trials=LEAST_TRIALS, n_warmup_steps=max(1, round(epochs * WARM_UP))
    )
    study = study_of((), others, maximise=maximise, pruner=pruner)
    with calm_optuna():
        trial = study.ask()
        for epoch, value in sorted(own.items()):
            trial.report(value, epoch)
        return trial.should_prune()
