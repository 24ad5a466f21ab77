"""What a training starts from, and how much of it is trained, in a plan's words."""

from __future__ import annotations

from collections.abc import Iterator

from parnet_zoo.networks.stages import HEAD, stages_matching
from parnet_zoo.recipe import Recipe
from registry import BackboneSpec, Cost


def start_lines(recipe: Recipe, cost: Cost | None) -> Iterator[str]:
    """Lines on the first weights and the frozen stages, where a recipe has them.

    Args:
        recipe: The recipe.
        cost: Of its training form with the head, where the family can tell.
    """
    if recipe.model.weights:
        yield f"weights         {recipe.model.weights}"
    if recipe.model.freeze:
        statistics = "with" if recipe.model.freeze_statistics else "without"
        share = _trained(recipe, cost)
        yield (
            f"frozen          {', '.join(_frozen(recipe))}, {statistics} their statistics"
            f"{'' if share is None else f'; {share:.1%} of the parameters are trained'}"
        )


def _frozen(recipe: Recipe) -> tuple[str, ...]:
    """Names of the frozen stages; as they were given, where the family does not tell its stages."""
    spec, words = recipe.spec(), recipe.model.freeze
    if not spec.stages:
        return words
    stages = (*spec.stages, HEAD)
    found = {stage for word in words for stage in stages_matching(word, stages, spec.name)}
    return tuple(stage for stage in stages if stage in found)


def _trained(recipe: Recipe, cost: Cost | None) -> float | None:
    """The part of the parameters that is trained."""
    spec: BackboneSpec = recipe.spec()
    if cost is None or not spec.stages:
        return None
    sizes = {**spec.stages, HEAD: cost.parameters - sum(spec.stages.values())}
    return 1 - sum(sizes[stage] for stage in _frozen(recipe)) / cost.parameters
