"""A sweep checked as a whole, and told, before anything is trained."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parnet_zoo.data.folder import ImageFolder
from parnet_zoo.errors import UsageError
from parnet_zoo.recipe import LoadedRecipe, Problem, RecipeError, load_recipe
from parnet_zoo.recipe.flat import flat_recipe
from parnet_zoo.recipe.overrides import SET, parse_overrides
from parnet_zoo.training.expected_time import ExpectedTime
from parnet_zoo.training.initial_weights import check_weights
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.run import images_of, plan_of
from parnet_zoo.training.spoken_time import spoken_time
from parnet_zoo.training.sweeping.definition import (
    SweepDefinition,
    Values,
    as_settings,
    in_words,
)
from parnet_zoo.training.sweeping.dimension import Dimension, combinations_of
from parnet_zoo.training.sweeping.parse_over import OVER, parse_over
from parnet_zoo.training.sweeping.suggest import random_values
from registry.field_path import dotted

MOST_TRIALS = 1000
_MOST_PROBES = 256
_FIXED = ("version", "extends", "name", "smoke", "tracking", "register")
"""Sections that are the same in all trials, which belong together."""


@dataclass(frozen=True)
class SweepPlan:
    """A sweep whose recipes are all right.

    Attributes:
        definition: The sweep.
        plans: Of its trials; for `tpe`, which chooses as it goes, of combinations that show whether
            all values are right.
    """

    definition: SweepDefinition
    plans: tuple[Plan, ...]

    def lines(self) -> list[str]:
        """The plan for a person to read."""
        definition, first = self.definition, self.plans[0]
        best = "highest" if definition.maximise else "lowest"
        pruned = ", those far behind are given up" if definition.prune else ""
        trials = "1 trial" if definition.trials == 1 else f"{definition.trials} trials"
        width = max(len(dimension.field) for dimension in definition.dimensions)
        return [
            f"sweep           {trials} of {definition.source} ({definition.sampler}), for the"
            f" {best} {definition.metric}{pruned}",
            *(f"  {dim.field:<{width}}  {dim}" for dim in definition.dimensions),
            f"tracking store  {first.store}, experiment {first.recipe.experiment},"
            f" registered model {first.recipe.registered_name} (only if the best is promoted)",
            f"data            {first.folder.root}, {len(first.folder.classes)} classes,"
            f" {len(first.folder.train)} training and {len(first.folder.validation)} validation"
            " images",
            self._time(),
        ]

    def _time(self) -> str:
        expected = [plan.expected for plan in self.plans]
        known = [time.seconds for time in expected if isinstance(time, ExpectedTime)]
        if any(plan.recipe.time is not None for plan in self.plans):
            return "expected time   what each trial's time allows"
        if len(known) < len(expected):
            reasons = {time for time in expected if isinstance(time, str)}
            return f"expected time   known after the first trial: {reasons.pop()}"
        seconds = sum(known) / len(known) * self.definition.trials
        return (
            f"expected time   about {spoken_time(seconds)} for all trials, one after another"
            f" ({spoken_time(min(known))} to {spoken_time(max(known))} each); early ends are not"
            " counted"
        )


@dataclass(frozen=True)
class SweepRequest:
    """What a user asks for; see `sweep`."""

    recipe: str | Path
    over: tuple[str, ...]
    sampler: Any
    trials: int | None
    seed: int
    metric: Any
    prune: bool
    settings: tuple[str, ...]
    changes: dict[str, Any]


def plan_sweep(request: SweepRequest) -> SweepPlan:
    """Check every combination, and say everything that is wrong at once.

    Raises:
        RecipeError: Some combination makes no recipe, or does not fit the images or the machine.
        UsageError: The sampler does not fit the number of trials.
        DataError: The images are missing or cannot be used.
    """
    dimensions = parse_over(request.over)
    _check_fields(dimensions, request)
    definition = SweepDefinition(
        recipe="",
        source=str(request.recipe),
        settings=request.settings,
        changes=_plain(request.changes),
        over=request.over,
        sampler=request.sampler,
        trials=_trials(dimensions, request),
        seed=request.seed,
        metric=request.metric,
        prune=request.prune,
        data_digest="",
    )
    plans = _plans(definition, request.recipe)
    text, digest = flat_recipe(request.recipe), plans[0].folder.digest
    whole = definition.model_copy(update={"recipe": text, "data_digest": digest})
    return SweepPlan(whole, plans)


def first_plan(definition: SweepDefinition, recipe: Path) -> Plan:
    """The plan of one combination, for the images of a process that takes part later.

    Raises:
        RecipeError: It is wrong here, as where a file of weights is missing.
        DataError: The images are missing or cannot be used.
    """
    values = next(_combinations(definition))
    settings = [*definition.settings, *as_settings(values)]
    return plan_of(load_recipe(recipe, settings, **definition.changes))


def _check_fields(dimensions: Sequence[Dimension], request: SweepRequest) -> None:
    given, _ = parse_overrides(list(request.settings), request.changes)
    fixed = {dotted(item.path): item.label for item in given if not item.implied}
    problems = []
    for dimension in dimensions:
        field = dimension.field
        if field.partition(".")[0] in _FIXED:
            message = "all trials have this in common, since they are compared; set it with --set"
            problems.append(Problem(0, 0, OVER, field, message))
        for other, label in fixed.items():
            if f"{field}.".startswith(f"{other}.") or f"{other}.".startswith(f"{field}."):
                shown = f"{label} {other}" if label == SET else label
                message = f"{shown} sets it already; leave one of the two out"
                problems.append(Problem(0, 0, OVER, field, message))
    if problems:
        raise RecipeError(problems)


def _trials(dimensions: Sequence[Dimension], request: SweepRequest) -> int:
    """How many there are."""
    count, trials = combinations_of(dimensions), request.trials
    if request.sampler == "grid":
        if trials is not None:
            raise UsageError("a grid has a trial for each combination; --trials is for random, tpe")
        endless = [dim.field for dim in dimensions if dim.count is None]
        if count is None:
            message = (
                "a grid goes through values one by one: write A,B,C or LOW..HIGH:STEP, or take"
                " --sampler random or tpe"
            )
            raise RecipeError([Problem(0, 0, OVER, field, message) for field in endless])
        trials = count
    elif trials is None:
        raise UsageError(f"how many? --sampler {request.sampler} needs --trials N")
    elif count is not None and trials > count:
        raise UsageError(f"there are only {count} combinations, and --trials asks for {trials}")
    if not 1 <= trials <= MOST_TRIALS:
        raise UsageError(f"a sweep has from 1 to {MOST_TRIALS} trials, not {trials:,}")
    return trials


def _combinations(definition: SweepDefinition) -> Iterator[Values]:
    """All that will be trained, or, where that is not known yet, what shows that it can be."""
    if definition.sampler == "grid":
        yield from map(definition.grid, range(definition.trials))
    elif definition.sampler == "random":
        yield from random_values(definition, definition.trials)
    else:
        yield from _probes(definition.dimensions)


def _probes(dimensions: Sequence[Dimension]) -> Iterator[Values]:
    fields = [dimension.field for dimension in dimensions]
    probes = [dimension.probes for dimension in dimensions]
    count = 1
    for values in probes:
        count *= len(values)
    if count <= _MOST_PROBES:
        for chosen in itertools.product(*probes):
            yield dict(zip(fields, chosen, strict=True))
        return
    first = {field: values[0] for field, values in zip(fields, probes, strict=True)}
    yield first
    for field, values in zip(fields, probes, strict=True):
        yield from ({**first, field: value} for value in values[1:])


def _plans(definition: SweepDefinition, recipe: str | Path) -> tuple[Plan, ...]:
    look = _looking_once()
    plans: list[Plan] = []
    wrong: dict[Problem, list[Values]] = {}
    every = list(_combinations(definition))
    for values in every:
        try:
            loaded = load_recipe(
                recipe, [*definition.settings, *as_settings(values)], **definition.changes
            )
            check_weights(loaded)
            plans.append(plan_of(loaded, look=look))
        except RecipeError as error:
            for problem in error.problems:
                wrong.setdefault(problem, []).append(values)
    if wrong:
        raise RecipeError(
            _of_sweep(problem, combinations, every) for problem, combinations in wrong.items()
        )
    return tuple(plans)


def _of_sweep(problem: Problem, wrong: Sequence[Values], every: Sequence[Values]) -> Problem:
    """Name the flag as it was typed, and the values with which it is wrong, unless it always is.

    Args:
        problem: What is wrong.
        wrong: The combinations in which it is.
        every: All combinations.
    """
    first = wrong[0]
    varied = [field for field in first if f"{problem.field}.".startswith(f"{field}.")]
    if problem.source == SET and varied:
        problem = replace(problem, source=OVER)
    same = [other for other in every if all(other[name] == first[name] for name in varied)]
    if len(wrong) == len(same):
        return problem
    common = {
        field: value
        for field, value in first.items()
        if all(other[field] == value for other in wrong)
    }
    return replace(problem, message=f"{problem.message} (with {in_words(common or first)})")


def _looking_once() -> Callable[[LoadedRecipe, int | None], ImageFolder]:
    """`images_of`, but each set of images is listed once."""
    seen: dict[tuple[Any, ...], ImageFolder] = {}

    def look(loaded: LoadedRecipe, limit: int | None) -> ImageFolder:
        recipe = loaded.recipe
        data = recipe.data.model_dump_json()
        key = (str(recipe.data_root), data, recipe.seed, limit)
        if key not in seen:
            seen[key] = images_of(loaded, limit)
        return seen[key]

    return look


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments as JSON can hold them."""
    return {name: str(v) if isinstance(v, Path) else v for name, v in changes.items()}
