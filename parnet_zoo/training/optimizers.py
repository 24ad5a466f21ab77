"""The recipe's optimiser as a Keras object."""

from __future__ import annotations

from typing import Any

import keras

from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.accumulation import Accumulation
from parnet_zoo.training.conv_muon import ConvMuon

NOT_DECAYED = r"(^|/)(gamma|beta|bias)(/replica_\d+)?(:\d+)?$"
"""Names of what is left out: shrinking BatchNorm's parameters does not regularise anything."""

_KINDS: dict[str, Any] = {
    "adadelta": keras.optimizers.Adadelta,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "adamax": keras.optimizers.Adamax,
    "adamw": keras.optimizers.Adam,  # Keras' AdamW is its Adam with a decay that cannot be off
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
    "muon": ConvMuon,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


def build_optimizer(
    section: OptimizerSection, *, precision: str = "float32"
) -> keras.optimizers.Optimizer:
    """Build the optimiser of a recipe, with everything off that the recipe does not ask for.

    Call it in the scope of the strategy that it will work under, and apply it with `apply_scaled`.
    Settings that recipes do not have (Adam's betas, Muon's momentum) are Keras' own. The rate is
    the section's, until another is assigned to `learning_rate`.

    Args:
        section: Which one, and its numbers; for several replicas with `clip_norm` divided by their
            number, as each contributes its part of the gradient that is clipped.
        precision: Keras dtype policy of the network; float16 gets a loss scale, for which the loss
            must go through `scale_loss`.
    """
    options: dict[str, Any] = {
        "learning_rate": section.learning_rate,
        "global_clipnorm": section.clip_norm,
        "weight_decay": section.weight_decay or None,
    }
    if section.name in ("rmsprop", "sgd"):
        options["momentum"] = section.momentum
    if section.name == "sgd":
        options["nesterov"] = section.nesterov
    optimizer = _KINDS[section.name](**options)
    if section.weight_decay and not section.decay_all:
        optimizer.exclude_from_weight_decay(var_names=[NOT_DECAYED])
    if precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    if section.accumulation > 1:
        optimizer = Accumulation(optimizer, section.accumulation)
    return optimizer
