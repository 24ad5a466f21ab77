"""The values of a sweep's next trial."""

from __future__ import annotations

import random
from collections.abc import Sequence

from parnet_zoo.recipe.yaml_text import yaml_value
from parnet_zoo.training.sweeping.definition import SweepDefinition, Values
from parnet_zoo.training.sweeping.dimension import combinations_of
from parnet_zoo.training.sweeping.known_trial import KnownTrial
from parnet_zoo.training.sweeping.study import (
    calm_optuna,
    distributions_of,
    seed_of,
    study_of,
    values_of,
)

_TRIES = 20
_LEAST_AT_RANDOM, _MOST_AT_RANDOM = 3, 10


def suggest(definition: SweepDefinition, number: int, known: Sequence[KnownTrial]) -> Values:
    """Choose a combination.

    `grid` and `random` choose by the trial's number alone, whatever else has happened. `tpe` (the
    tree-structured Parzen estimator, Bergstra et al., NIPS 2011) learns from the trials before, so
    that the same seed gives the same values where they are run one after another. No combination is
    chosen twice while there is another.

    Args:
        definition: The sweep.
        number: The trial's, from 0.
        known: The other trials as far as they have come; only `tpe` looks at what they reached.
    """
    if definition.sampler == "grid":
        return definition.grid(number)
    if definition.sampler == "random":
        return random_values(definition, number + 1)[number]
    return _by_tpe(definition, number, known)


def random_values(definition: SweepDefinition, count: int) -> list[Values]:
    """The first combinations of a random sweep, all different."""
    found: list[Values] = []
    for number in range(count):
        found.append(_another(definition, number, found))
    return found


def _another(definition: SweepDefinition, number: int, tried: Sequence[Values]) -> Values:
    """A random combination that is not among those that were tried, if there is one."""
    seen = {_known_by(values) for values in tried}
    for attempt in range(_TRIES):
        values = _drawn(definition, seed_of(definition.seed, number, attempt))
        if _known_by(values) not in seen:
            return values
    return _left(definition, number, seen) or values


def _drawn(definition: SweepDefinition, seed: int) -> Values:
    import optuna

    sampler = optuna.samplers.RandomSampler(seed=seed)
    study = study_of((), (), maximise=True, sampler=sampler)
    with calm_optuna():
        trial = study.ask(distributions_of(definition.dimensions))
    return values_of(definition.dimensions, trial.params)


def _left(definition: SweepDefinition, number: int, seen: set[str]) -> Values | None:
    """One of the last combinations that are left, found by going through all of them."""
    count = combinations_of(definition.dimensions)
    if count is None or count > 10 * (len(seen) + _TRIES):
        return None
    every = map(definition.grid, range(count))
    left = [values for values in every if _known_by(values) not in seen]
    chooser = random.Random(seed_of(definition.seed, number))  # noqa: S311  # no secret
    return chooser.choice(left) if left else None


def _by_tpe(definition: SweepDefinition, number: int, known: Sequence[KnownTrial]) -> Values:
    import optuna

    seen = {_known_by(trial.values) for trial in known}
    at_random = max(_LEAST_AT_RANDOM, min(_MOST_AT_RANDOM, definition.trials // 3))
    for attempt in range(_TRIES):
        with calm_optuna():
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=at_random,
                constant_liar=True,
                seed=seed_of(definition.seed, number, attempt),
            )
            study = study_of(
                definition.dimensions, known, maximise=definition.maximise, sampler=sampler
            )
            trial = study.ask(distributions_of(definition.dimensions))
        values = values_of(definition.dimensions, trial.params)
        if _known_by(values) not in seen:
            return values
    return _another(definition, number, [dict(trial.values) for trial in known])


def _known_by(values: object) -> str:
    return yaml_value(values)
