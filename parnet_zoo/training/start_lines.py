"""What a training starts from, and how much of it is trained, in a plan's words."""

from __future__ import annotations

from collections.abc import Iterator

from parnet_zoo.networks.stages import HEAD, stages_matching
from parnet_zoo.recipe import Recipe
from registry import Cost


def start_lines(recipe: Recipe, cost: Cost | None) -> Iterator[str]:
    """Lines on the first weights and the frozen stages, where a recipe has them.

    Args:
        recipe: The recipe.
        cost: Of its training form with the head, where the family can tell.
    """
    if recipe.model.weights:
        yield f"weights         {recipe.model.weights}"
    if recipe.model.freeze:
        frozen, share = _frozen(recipe), _trained(recipe, cost)
        trained = "" if share is None else f"; {share:.1%} of the parameters are trained"
        yield f"frozen          {_named(frozen, recipe.model.freeze_statistics)}{trained}"


def _frozen(recipe: Recipe) -> list[str]:
    """Names of the frozen stages."""
    spec, words = recipe.spec(), recipe.model.freeze
    stages = (*spec.stages, HEAD)
    found = {stage for word in words for stage in stages_matching(word, stages, spec.name)}
    return [stage for stage in stages if stage in found]


def _named(frozen: list[str], statistics: bool) -> str:
    """The frozen stages, and whether their statistics are; a head has none."""
    stages = [stage for stage in frozen if stage != HEAD]
    if not stages:
        return HEAD
    with_or_without = "with" if statistics else "without"
    whose = "its" if len(stages) == 1 else "their"
    head = f", and {HEAD}" if HEAD in frozen else ""
    return f"{', '.join(stages)}, {with_or_without} {whose} statistics{head}"


def _trained(recipe: Recipe, cost: Cost | None) -> float | None:
    """The part of the parameters that is trained."""
    if cost is None:
        return None
    stages = recipe.spec().stages
    sizes = {**stages, HEAD: cost.parameters - sum(stages.values())}
    return 1 - sum(sizes[stage] for stage in _frozen(recipe)) / cost.parameters
