"""What is special about how a training is done, in a plan's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from parnet_zoo.data.augmentation_spec import Mixing
from parnet_zoo.recipe import Recipe

_WEIGHTS_SHOWN = 6


def method_lines(recipe: Recipe) -> Iterator[str]:
    """Lines on devices, sizes, mixing, class weights and the average of the weights.

    Only on what the recipe asks for.
    """
    if recipe.smoke:
        yield "smoke           a handful of images: every stage is only tried, no figure means much"
    if recipe.distribution.strategy == "mirrored":
        yield f"devices         {_devices(recipe)}"
    if recipe.progressive:
        stages = [f"{one.resolution} px until {one.until:.0%}" for one in recipe.progressive]
        last = recipe.spec().resolution
        yield f"image sizes     {', '.join(stages)} of the training, then {last} px"
    if recipe.augmentation.mixing:
        yield f"mixing          {_mixing(recipe.augmentation.mixing)}"
    if recipe.class_weights:
        yield f"class weights   {_class_weights(recipe.class_weights)}"
    if recipe.ema:
        yield (
            f"average         of the weights, with a decay of {recipe.ema:g} a step, is what is"
            " validated and kept"
        )


def _devices(recipe: Recipe) -> str:
    section = recipe.distribution
    count = "every GPU" if section.devices is None else f"{section.devices} devices"
    whose = "all of them" if section.sync_batch_norm else "its own part alone"
    return f"{count}, a copy of the network on each; batch normalisation over {whose}"


def _mixing(mixing: Mixing) -> str:
    kinds = {"MixUp": mixing.mixup, "CutMix": mixing.cutmix}
    named = " or ".join(f"{kind} at {alpha:g}" for kind, alpha in kinds.items() if alpha)
    text = f"{named} in {mixing.probability:.0%} of the batches"
    return text if mixing.until == 1 else f"{text}, until {mixing.until:.0%} of the training"


def _class_weights(weights: str | Mapping[str, float]) -> str:
    if isinstance(weights, str):
        return f"{weights}: all classes count alike"
    shown = [f"{name}: {weight:g}" for name, weight in list(weights.items())[:_WEIGHTS_SHOWN]]
    more = len(weights) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
