"""The recipe's optimiser and schedule as Keras objects."""

from __future__ import annotations

from typing import Any

import keras

from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.learning_rate import Rate

# BatchNorm's parameters and biases: shrinking them does not regularise the function they scale.
NOT_DECAYED = ("gamma", "beta", "bias")


def build_optimizer(section: OptimizerSection, rate: Rate) -> keras.optimizers.Optimizer:
    """Build the optimiser of a recipe.

    Args:
        section: Which one, and its numbers.
        rate: Learning rate, or its schedule.
    """
    options: dict[str, Any] = {"learning_rate": rate, "global_clipnorm": section.clip_norm}
    if section.weight_decay:
        options["weight_decay"] = section.weight_decay
    if section.name == "sgd":
        options |= {"momentum": section.momentum, "nesterov": section.nesterov}
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
    }
    if section.name == "adamw":
        options["weight_decay"] = section.weight_decay  # Keras' own default is 0.004
    optimizer = kinds[section.name](**options)
    if section.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    return optimizer
