"""A network, its optimiser and its moving average, trained step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.freezing import freeze
from parnet_zoo.networks.weights import load_weights
from parnet_zoo.networks.weights_report import WeightsReport
from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.layer_rates import layer_rates
from parnet_zoo.training.moving_average import MovingAverage
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.sync_batch_norm import sync_batch_norm
from parnet_zoo.training.train_step import StepSums, TrainStep
from parnet_zoo.training.trainable import head_only
from parnet_zoo.training.variables import named, put_values, values_of


class Learner:
    """All variables of a training, and what changes them.

    Args:
        recipe: Says what they are.
        classes: Number of classes.
        precision: Keras dtype policy; see `resolve_precision`.
        strategy: Where the variables live.
        class_weights: Shape (classes,).

    Attributes:
        model: Training form, giving logits in float32.
    """

    def __init__(
        self,
        recipe: Recipe,
        classes: int,
        *,
        precision: str,
        strategy: tf.distribute.Strategy,
        class_weights: NDArray[np.float32],
    ) -> None:
        self._recipe = recipe
        self._strategy = strategy
        self._class_weights = class_weights
        self._precision = precision
        self._steps: dict[bool, TrainStep] = {}
        with strategy.scope(), dtype_policy(precision):
            self.model = recipe.spec().build(num_classes=classes)
            if recipe.distribution.sync_batch_norm:
                sync_batch_norm(self.model)
            if recipe.model.freeze:
                statistics = recipe.model.freeze_statistics
                freeze(self.model, recipe.model.freeze, statistics=statistics)
            self._optimizer = self._new_optimizer()
        self._average: MovingAverage | None = None
        self._head_only = False
        self._thaw: Callable[[], None] = lambda: None

    def load(self, path: Path) -> WeightsReport:
        """Fill the network from a file, before the first step.

        Raises:
            CheckpointError: The weights are broken, or of another network.
        """
        return load_weights(self.model, path)

    def begin(self) -> None:
        """Make the moving average, of the weights as they are now."""
        if self._recipe.ema:
            with self._strategy.scope():
                self._average = MovingAverage(self.model.weights, self._recipe.ema)

    def train_head_only(self, wanted: bool) -> None:
        """Leave the backbone as it is for a while, or train it again."""
        if wanted == self._head_only:
            return
        if wanted:
            self._thaw = head_only(self.model)
        else:
            self._thaw()
        self._head_only = wanted

    def restart_optimizer(self) -> None:
        """Have the optimiser as it is before any step.

        When the backbone begins to be trained, the steps of the head alone would count for it as
        well: Adam's correction of its first moments would be over before it has any.
        """
        with self._strategy.scope():
            fresh = self._new_optimizer()
        for variable, value in zip(self._optimizer.variables, fresh.variables, strict=True):
            variable.assign(value)

    def step(self, pixels: Any, targets: Any, *, number: int, rate: float) -> StepSums:
        """Train on one batch.

        Args:
            pixels: Shape (n, size, size, 3), float32, normalised.
            targets: Shape (n, classes), float32.
            number: Of the step, from 0.
            rate: Learning rate.
        """
        if self._head_only not in self._steps:
            self._steps[self._head_only] = self._new_step()
        average_rate = self._average.rate(number) if self._average else 0.0
        return self._steps[self._head_only](pixels, targets, rate=rate, average_rate=average_rate)

    def averaged(self) -> AbstractContextManager[None]:
        """Inside the `with`, the network has its moving average in it, if there is one."""
        return self._average.in_place() if self._average else nullcontext()

    def values(self) -> dict[str, NDArray[Any]]:
        """Copies of all variables: weights, statistics, seeds, optimiser, averages."""
        return values_of(self._groups())

    def variables(self) -> dict[str, Any]:
        """All variables by name, to be read and written to a checkpoint one after the other."""
        return named(self._groups())

    def restore(self, values: Mapping[str, NDArray[Any]]) -> None:
        """Set all variables to what `values` gave.

        Raises:
            ParnetZooError: They are of another training.
        """
        put_values(self._groups(), values)

    def _groups(self) -> dict[str, Sequence[Any]]:
        averages = self._average.values if self._average else []
        return {
            "model": self.model.variables,
            "optimizer": self._optimizer.variables,
            "average": averages,
        }

    def _new_optimizer(self) -> Any:
        """Over all that is trained at any time."""
        optimizer = build_optimizer(self._optimizer_section(), precision=self._precision)
        optimizer.build(self.model.trainable_variables)
        return optimizer

    def _optimizer_section(self) -> OptimizerSection:
        """With several replicas, gradients are clipped as the part that each contributes."""
        section, replicas = self._recipe.optimizer, self._strategy.num_replicas_in_sync
        if section.clip_norm is None:
            return section
        return section.model_copy(update={"clip_norm": section.clip_norm / replicas})

    def _new_step(self) -> TrainStep:
        return TrainStep(
            self.model,
            self._optimizer,
            strategy=self._strategy,
            class_weights=self._class_weights,
            factors=layer_rates(self.model, self._recipe.optimizer),
            average=self._average,
        )
