"""One update for the gradients of several steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="parnet_zoo")
class Accumulation(keras.optimizers.Optimizer):
    """Gives another optimiser the mean of the gradients of several steps, once in so many steps.

    It does what Keras' `gradient_accumulation_steps` does, also under a strategy with several
    replicas, where Keras' fails: there a condition must be decided for all replicas at once. Around
    a `LossScaleOptimizer` it adds up scaled gradients, so that one that is not finite costs the
    update that it belongs to.

    Args:
        inner: The optimiser that makes the updates.
        steps: Steps to an update.
        name: Its name.
    """

    def __init__(
        self, inner: keras.optimizers.Optimizer, steps: int, name: str | None = None
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        self.inner = inner
        self.steps = steps

    @property
    def variables(self) -> list[Any]:
        """Counter and sums, then the inner optimiser's variables."""
        return [*super().variables, *self.inner.variables]

    @property
    def learning_rate(self) -> Any:
        """The inner optimiser's."""
        return self.inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        self.inner.learning_rate = rate

    @property
    def iterations(self) -> Any:
        """Updates so far."""
        return self.inner.iterations

    def build(self, variables: Sequence[Any]) -> None:
        """Make the variables of both optimisers."""
        if self.built:
            return
        self.inner.build(variables)
        super().build(variables)
        self.sums = self.add_optimizer_variables(variables, "gradient_sum")

    def scale_loss(self, loss: Any) -> Any:
        """Scale a loss as the inner optimiser asks for it."""
        return self.inner.scale_loss(loss)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        """Add up gradients, or update the variables with their mean; in replica context."""
        self.build(trainable_variables)
        indices = [self._get_variable_index(variable) for variable in trainable_variables]
        sums = [self.sums[index].value for index in indices]
        tf.distribute.get_replica_context().merge_call(
            self._take, args=(grads, trainable_variables, sums)
        )

    def _take(
        self, strategy: Any, grads: Sequence[Any], variables: Sequence[Any], sums: Sequence[Any]
    ) -> None:
        """For all replicas: decide what this step does, and do it."""

        def add() -> None:
            for total, grad in zip(sums, grads, strict=True):
                strategy.extended.update(total, _add, args=(grad,), group=False)

        def update() -> None:
            add()
            strategy.extended.call_for_each_replica(self._update, args=(variables, sums))
            for total in self.sums:  # also those of variables that are not trained now
                strategy.extended.update(total.value, _clear, group=False)

        last = tf.equal((self._iterations + 1) % self.steps, 0)
        tf.cond(last, update, add)
        self._iterations.assign_add(1)

    def _update(self, variables: Sequence[Any], sums: Sequence[Any]) -> None:
        self.inner.apply([total / self.steps for total in sums], variables)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        inner = keras.saving.serialize_keras_object(self.inner)
        return {"inner": inner, "steps": self.steps, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Accumulation:
        """Rebuild from `get_config`."""
        inner = keras.saving.deserialize_keras_object(config["inner"], custom_objects)
        return cls(**{**config, "inner": inner})


def _add(total: tf.Variable, grad: Any) -> None:
    total.assign_add(grad)


def _clear(total: tf.Variable) -> None:
    total.assign(tf.zeros_like(total))
