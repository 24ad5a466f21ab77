"""What two devices compute together is what one computes alone.

Not collected by itself: TensorFlow divides the processor into devices only before its first use, so
that `test_two_devices.py` runs this file in a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from parnet_zoo.networks.batch_norm import BatchNorm
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.scaled_update import apply_scaled
from parnet_zoo.training.sync_batch_norm import sync_batch_norm

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
ONE = tf.distribute.get_strategy()
TWO = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
NAMES = get_args(OptimizerSection.model_fields["name"].annotation)
EVERYTHING = {"weight_decay": 0.1, "clip_norm": 0.5, "accumulation": 2}
IMAGES = np.random.default_rng(0).normal(3, 1, size=(8, 32, 32, 3)).astype("float32")
UNEVEN = (5, 3)
Arrays = list[np.ndarray]


def given(strategy: Any, batch: np.ndarray) -> Any:
    """A batch; on two devices the larger part on one and the smaller on the other."""
    if strategy is ONE:
        return tf.constant(batch)
    parts = tf.split(tf.constant(batch), UNEVEN)
    return strategy.experimental_distribute_values_from_function(
        lambda context: parts[context.replica_id_in_sync_group]
    )


def copies(strategy: Any, variable: Any) -> Arrays:
    """A variable's value on each device."""
    return [copy.numpy() for copy in strategy.experimental_local_results(variable.value)]


def network() -> Any:
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 5, strides=4, use_bias=False),
         BatchNorm(), keras.layers.Activation("tanh"), keras.layers.Flatten(),
         keras.layers.Dense(3, name="head_logits")]
    )  # fmt: skip
    sync_batch_norm(model)
    return model


def trained(
    strategy: Any, section: OptimizerSection, precision: str = "float32", steps: int = 5
) -> Arrays:
    """The weights and the optimiser's state after some steps, the same on every device."""
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = network()
        variables = model.trainable_variables
        clip = section.clip_norm and section.clip_norm / strategy.num_replicas_in_sync
        section = section.model_copy(update={"clip_norm": clip})
        optimizer = build_optimizer(section, precision=precision)
        optimizer.build(variables)
    factors = [0.5] * len(variables)

    def replica(batch: Any) -> None:
        with tf.GradientTape() as tape:
            loss = optimizer.scale_loss(tf.reduce_sum(tf.sin(model(batch, training=True))) / 8)
        apply_scaled(optimizer, tape.gradient(loss, variables), variables, factors)

    step = tf.function(lambda batch: strategy.run(replica, args=(batch,)), autograph=False)
    for number in range(steps):
        optimizer.learning_rate = section.learning_rate / (number + 1)
        step(given(strategy, IMAGES * (1 + number) / 3))
    state = [v for v in optimizer.variables if "gradient_sum" not in v.path]
    for variable in (*model.variables, *optimizer.variables):
        first, *others = copies(strategy, variable)
        assert all(np.array_equal(first, other) for other in others), variable.path
    return [copies(strategy, v)[0] for v in (*model.trainable_variables, *state)]


def assert_alike(ours: Arrays, theirs: Arrays, tolerance: float) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b).max()))


@pytest.mark.parametrize("fields", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("name", NAMES)
def test_every_optimiser_trains_on_two_devices_as_on_one(name: Any, fields: dict[str, Any]) -> None:
    section = OptimizerSection(name=name, learning_rate=0.05, **fields)
    one, two = (trained(where, section) for where in (ONE, TWO))
    assert_alike(two, one, 1e-5)


@pytest.mark.parametrize("fields", [{}, EVERYTHING], ids=["plain", "everything"])
def test_a_loss_scale_is_the_same_for_both(fields: dict[str, Any]) -> None:
    section = OptimizerSection(learning_rate=0.05, **fields)
    one, two = (trained(where, section, "mixed_float16") for where in (ONE, TWO))
    assert_alike(two, one, 1e-5)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_an_infinity_on_one_device_costs_the_update_of_both(accumulation: int) -> None:
    with TWO.scope():
        weight = keras.Variable(np.ones(3, "float32"), name="kernel")
        section = OptimizerSection(name="sgd", accumulation=accumulation)
        optimizer = build_optimizer(section, precision="mixed_float16")
        optimizer.build([weight])
    scale = float(optimizer.scale_loss(1.0))

    def replica(gradient: Any) -> None:
        apply_scaled(optimizer, [gradient], [weight], None)

    bad = TWO.experimental_distribute_values_from_function(
        lambda context: tf.constant([1.0, np.inf if context.replica_id_in_sync_group else 1.0, 1.0])
    )
    for _ in range(accumulation):
        TWO.run(replica, args=(bad,))
    assert [copy.tolist() for copy in copies(TWO, weight)] == [[1, 1, 1]] * 2
    assert float(optimizer.scale_loss(1.0)) == scale / 2


def normalised(strategy: Any, kind: Any, policy: str, *, synchronised: bool) -> Any:
    """Outputs of two normalisations in training, gradients, and the moving statistics."""
    with strategy.scope():
        keras.utils.set_random_seed(0)
        layers = [kind(dtype=policy, momentum=0.5), keras.layers.Activation("silu", dtype=policy),
                  kind(dtype=policy)]  # fmt: skip
        model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
        for variable in model.trainable_variables:
            variable.assign(variable + np.random.default_rng(1).normal(size=3).astype("float32"))
    if synchronised:
        sync_batch_norm(model)

    def replica(batch: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            outputs = tf.cast(model(batch, training=True), tf.float32)
            loss = tf.reduce_sum(tf.sin(outputs)) / 8
        return outputs, *tape.gradient(loss, [batch, *model.trainable_variables])

    step = tf.function(lambda batch: strategy.run(replica, args=(batch,)), autograph=False)
    outputs, inwards, *gradients = step(given(strategy, IMAGES))
    joined = [np.concatenate(per_device(strategy, value)) for value in (outputs, inwards)]
    summed = [np.sum(per_device(strategy, value), axis=0) for value in gradients]
    return [*joined, *summed], [copies(strategy, v) for v in model.non_trainable_variables]


def per_device(strategy: Any, value: Any) -> Sequence[np.ndarray]:
    return [part.numpy() for part in strategy.experimental_local_results(value)]


@pytest.mark.parametrize(
    ("policy", "tolerance"),
    [("float32", 1e-4), ("mixed_bfloat16", 2e-2), ("mixed_float16", 2e-3)],
)
@pytest.mark.parametrize("kind", [BatchNorm, keras.layers.BatchNormalization])
def test_synchronised_normalisation_is_that_of_the_whole_batch(
    kind: Any, policy: str, tolerance: float
) -> None:
    whole, (mean, variance, *_) = normalised(ONE, kind, policy, synchronised=True)
    parts, moving = normalised(TWO, kind, policy, synchronised=True)
    assert_alike(parts, whole, tolerance)
    for (one,), both in zip((mean, variance), moving, strict=False):
        assert np.array_equal(both[0], both[1])
        np.testing.assert_allclose(both[0], one, rtol=tolerance)


def test_by_itself_each_device_normalises_its_own_part_and_the_statistics_are_their_mean() -> None:
    whole, _ = normalised(ONE, BatchNorm, "float32", synchronised=False)
    parts, moving = normalised(TWO, BatchNorm, "float32", synchronised=False)
    assert np.abs(parts[0] - whole[0]).max() > 0.01
    means = [IMAGES[:5].mean((0, 1, 2)), IMAGES[5:].mean((0, 1, 2))]
    for copy in moving[0]:
        np.testing.assert_allclose(copy, np.mean(means, axis=0) / 2, rtol=1e-5)
