"""One update of the weights, on one device or on several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from parnet_zoo.training.accumulation import Accumulation


def apply_scaled(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Any],
    variables: Sequence[Any],
    factors: Sequence[float] | None,
) -> None:
    """Let an optimiser of `build_optimizer` make its step, and take only a part of it where asked.

    A variable with the factor f becomes old + f (new - old): for every optimiser the same as a rate
    of f times the rate. Call it in replica context, inside a `tf.function` or not.

    Args:
        optimizer: Already built, in the scope of the strategy, on at least these variables.
        gradients: One for each variable; with several replicas those of this replica's part of the
            loss, whose sum over the replicas is the gradient of the whole batch's loss. Scaled, if
            the loss went through `scale_loss`.
        variables: What is trained now: all of the optimiser's variables, or some.
        factors: One for each variable, or None where all are 1.
    """
    parts = [1.0] * len(variables) if factors is None else factors
    before = [
        (variable.value, part, tf.identity(variable.value))
        for variable, part in zip(variables, parts, strict=True)
        if part != 1
    ]
    optimizer.apply(_agreed(optimizer, list(gradients)), list(variables))
    if before:
        tf.distribute.get_replica_context().merge_call(_take_parts, args=(before,))


def _agreed(optimizer: keras.optimizers.Optimizer, gradients: list[Any]) -> list[Any]:
    """Gradients that Keras may sum over the replicas as late as it does.

    It clips, looks for infinities and accumulates before that, each replica for itself. So each
    gets the mean of all: what they decide on it is the same, and their sum is the sum asked for.
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    wrapped = isinstance(optimizer, Accumulation | keras.optimizers.LossScaleOptimizer)
    if replicas == 1 or not (wrapped or optimizer.global_clipnorm):
        return gradients
    sums = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    return [total / replicas for total in sums]


def _take_parts(strategy: Any, before: Sequence[tuple[Any, float, Any]]) -> None:
    for variable, part, old in before:
        strategy.extended.update(variable, _take_part, args=(part, old), group=False)


def _take_part(variable: tf.Variable, part: float, old: Any) -> None:
    variable.assign(old + part * (variable - old))
