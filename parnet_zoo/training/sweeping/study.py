"""An Optuna study in memory, made anew from what MLflow knows whenever it is asked something.

MLflow is the only place where a sweep's state is kept, so that several processes on several hosts
share it. Optuna's own storages are not used: one that pickles has no place here, and a database
beside MLflow's would be a second truth.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from parnet_zoo.training.sweeping.dimension import Choices, Dimension
from parnet_zoo.training.sweeping.known_trial import KnownTrial

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


def study_of(
    dimensions: Sequence[Dimension],
    known: Iterable[KnownTrial],
    *,
    maximise: bool,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> optuna.Study:
    """A study with these trials in it, in the order of their numbers; failed ones are left out."""
    import optuna

    with calm_optuna():
        study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(),
            sampler=sampler,
            pruner=pruner,
            direction="maximize" if maximise else "minimize",
        )
        distributions = distributions_of(dimensions)
        for trial in sorted(known, key=lambda trial: trial.number):
            frozen = _frozen(trial, dimensions, distributions)
            if frozen is not None:
                study.add_trial(frozen)
    return study


def distributions_of(dimensions: Sequence[Dimension]) -> dict[str, BaseDistribution]:
    """Optuna's form of what is varied; a choice is known by its place."""
    from optuna import distributions as kinds

    found: dict[str, BaseDistribution] = {}
    for dimension in dimensions:
        if isinstance(dimension, Choices):
            places = range(len(dimension.values))
            found[dimension.field] = kinds.CategoricalDistribution(tuple(places))
        elif dimension.whole:
            found[dimension.field] = kinds.IntDistribution(
                round(dimension.low),
                round(dimension.top),
                log=dimension.log,
                step=round(dimension.step or 1),
            )
        else:
            found[dimension.field] = kinds.FloatDistribution(
                dimension.low, dimension.top, log=dimension.log, step=dimension.step
            )
    return found


def values_of(dimensions: Sequence[Dimension], params: Mapping[str, Any]) -> dict[str, Any]:
    """A combination that Optuna chose, as the recipe has it."""
    return {
        dimension.field: dimension.values[params[dimension.field]]
        if isinstance(dimension, Choices)
        else dimension.rounded(params[dimension.field])
        for dimension in dimensions
    }


@contextmanager
def calm_optuna() -> Iterator[None]:
    """Keep Optuna's log lines and warnings of what is experimental away from the user."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="optuna")
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def seed_of(*parts: int) -> int:
    """One seed of several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _frozen(
    trial: KnownTrial,
    dimensions: Sequence[Dimension],
    distributions: dict[str, BaseDistribution],
) -> FrozenTrial | None:
    from optuna.trial import TrialState, create_trial

    states = {
        "complete": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "running": TrialState.RUNNING,
    }
    complete = trial.state == "complete"
    if trial.state not in states or (complete and not _is_number(trial.value)):
        return None
    return create_trial(
        state=states[trial.state],
        value=trial.value if complete else None,
        params={
            dimension.field: dimension.values.index(trial.values[dimension.field])
            if isinstance(dimension, Choices)
            else trial.values[dimension.field]
            for dimension in dimensions
        },
        distributions=distributions,
        intermediate_values={e: v for e, v in trial.by_epoch.items() if math.isfinite(v)},
    )


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
