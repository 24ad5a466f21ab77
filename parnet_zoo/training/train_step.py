"""One step of a training as a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from parnet_zoo.training.moving_average import MovingAverage
from parnet_zoo.training.scaled_update import apply_scaled


@dataclass(frozen=True)
class StepSums:
    """What a step gives, summed over its images.

    Attributes:
        loss: Scalar, of each image's loss.
        correct: Scalar, images whose likeliest class is the target's.
    """

    loss: Any
    correct: Any


class TrainStep:
    """Gradients, update and moving average of one batch.

    The loss is the cross-entropy of the logits with the targets, of each image weighted by its
    classes' weights, and averaged over all images of the batch, on whichever device they are.

    Args:
        model: Gives logits in float32.
        optimizer: Built over all of the model's trainable variables.
        strategy: Where it runs.
        class_weights: Shape (classes,).
        factors: Of each trainable variable's learning rate; None: 1 for all.
        average: Follows the weights, if there is one.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        *,
        strategy: tf.distribute.Strategy,
        class_weights: NDArray[np.float32],
        factors: Sequence[float] | None,
        average: MovingAverage | None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._class_weights = class_weights
        self._variables = list(model.trainable_variables)
        self._factors = factors
        self._average = average
        self._replicas = strategy.num_replicas_in_sync
        self._one_replica = self._compiled()
        # A graph for each shape, and not one for several: which graph a step gets, and so its last
        # bits, must not depend on the steps before it, which a resumed training has not seen.
        self._step = tf.function(self._all_replicas, autograph=False)

    def __call__(
        self, pixels: tf.Tensor, targets: tf.Tensor, *, rate: float, average_rate: float
    ) -> StepSums:
        """Train on a batch.

        Args:
            pixels: Shape (n, size, size, 3), float32, normalised.
            targets: Shape (n, classes), float32.
            rate: Learning rate.
            average_rate: How far the moving average follows.
        """
        self._optimizer.learning_rate = rate
        images = tf.constant(len(pixels), tf.float32)
        moved = tf.constant(average_rate, tf.float32)
        if self._replicas > 1:
            pixels, targets = self._divided(pixels, targets)
        return StepSums(*self._step(pixels, targets, images, moved))

    def _compiled(self) -> Any:
        # XLA was slower than the plain graph for training on CPUs, and takes long to warm up.
        if self._replicas > 1 or not tf.config.list_physical_devices("GPU"):
            return self._replica
        return tf.function(self._replica, autograph=False, jit_compile=True)

    def _all_replicas(self, pixels: Any, targets: Any, images: Any, moved: Any) -> tuple[Any, Any]:
        sums = self._strategy.run(self._one_replica, args=(pixels, targets, images))
        total = tf.distribute.ReduceOp.SUM
        loss, correct = (self._strategy.reduce(total, value, axis=None) for value in sums)
        if self._average is not None:
            self._average.update(moved)
        return loss, correct

    def _replica(self, pixels: Any, targets: Any, images: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = self._model(pixels, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            losses *= tf.linalg.matvec(targets, self._class_weights)
            loss = tf.reduce_sum(losses) / images
            if self._model.losses:
                loss += tf.add_n(self._model.losses) / self._replicas
            scaled = self._optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self._variables)
        apply_scaled(self._optimizer, gradients, self._variables, self._factors)
        return tf.reduce_sum(losses), correct_answers(logits, targets)

    def _divided(self, pixels: tf.Tensor, targets: tf.Tensor) -> tuple[Any, Any]:
        """The batch in parts, one for each device; what is missing is filled up without a target.

        An image without a target has no loss and no gradient, and a device without any image would
        have batch statistics that are no numbers.
        """
        missing = self._replicas - len(pixels)
        if missing > 0:
            pixels = tf.concat([pixels, tf.repeat(pixels[:1], missing, axis=0)], 0)
            targets = tf.pad(targets, ((0, missing), (0, 0)))
        return self._distributed(pixels), self._distributed(targets)

    def _distributed(self, whole: tf.Tensor) -> Any:
        each, longer = divmod(len(whole), self._replicas)
        sizes = [each + (number < longer) for number in range(self._replicas)]
        parts = tf.split(whole, sizes)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group]
        )


def correct_answers(logits: Any, targets: Any) -> Any:
    """How many images have the likeliest class of their target on top, a float32 scalar."""
    hits = tf.equal(tf.argmax(logits, -1), tf.argmax(targets, -1))
    known = tf.reduce_any(targets > 0, axis=-1)
    return tf.reduce_sum(tf.cast(hits & known, tf.float32))
