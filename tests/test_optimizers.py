"""The recipe's optimisers do what the recipe says, and nothing that it does not say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.scaled_update import apply_scaled

NAMES = get_args(OptimizerSection.model_fields["name"].annotation)
FAST = ("adamw", "muon", "sgd")
EACH = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
EVERYTHING: dict[str, Any] = {"weight_decay": 0.1, "clip_norm": 1.0}
Arrays = list[np.ndarray]


def weights() -> list[Any]:
    """As of a convolution, a batch normalisation and a classifier."""
    random = np.random.default_rng(1)
    layers: dict[str, dict[str, tuple[int, ...]]] = {
        "beta_conv": {"kernel": (3, 3, 2, 8), "bias": (8,)},
        "bn": {"gamma": (8,), "beta": (8,)},
        "head_logits": {"kernel": (8, 3), "bias": (3,)},
    }
    made = []
    for layer, shapes in layers.items():
        with keras.name_scope(layer):
            made += [
                keras.Variable(random.normal(size=shape).astype("float32"), name=name)
                for name, shape in shapes.items()
            ]
    return made


def gradients(variables: Sequence[Any], seed: int = 0) -> Arrays:
    random = np.random.default_rng(seed)
    return [random.normal(size=variable.shape).astype("float32") for variable in variables]


def values(variables: Sequence[Any]) -> Arrays:
    return [variable.numpy() for variable in variables]


def ready(variables: Sequence[Any], precision: str = "float32", **fields: Any) -> Any:
    """An optimiser that is built on all of these."""
    optimizer = build_optimizer(OptimizerSection(**fields), precision=precision)
    optimizer.build(list(variables))
    return optimizer


def assert_close(ours: Arrays, theirs: Arrays, tolerance: float = 1e-6) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_every_optimiser_of_the_format_moves_the_weights_by_their_gradients(name: Any) -> None:
    variables = weights()
    before = values(variables)
    optimizer = ready(variables, name=name, learning_rate=0.1)
    apply_scaled(optimizer, gradients(variables), variables, None)
    for old, new, gradient in zip(before, values(variables), gradients(variables), strict=True):
        moved = new - old
        assert np.all(np.isfinite(moved))
        assert float((moved * gradient).sum()) < 0, "against the gradient"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_shrinks_that_is_not_asked_to(name: Any) -> None:
    variables = weights()
    before = values(variables)
    optimizer = ready(variables, name=name, learning_rate=0.1)
    apply_scaled(optimizer, [np.zeros_like(value) for value in before], variables, None)
    assert_close(values(variables), before, 0)


@pytest.mark.parametrize("decay_all", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_shrinks_kernels_and_leaves_norms_and_biases(
    name: Any, decay_all: bool
) -> None:
    variables = weights()
    before = values(variables)
    fields: dict[str, Any] = {"learning_rate": 0.1, "weight_decay": 0.5, "decay_all": decay_all}
    optimizer = ready(variables, name=name, **fields)
    apply_scaled(optimizer, [np.zeros_like(value) for value in before], variables, None)
    for variable, old in zip(variables, before, strict=True):
        factor = 0.95 if decay_all or variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable, old * factor, rtol=1e-6)


def test_the_norm_of_all_gradients_together_is_clipped() -> None:
    variables = weights()
    before = values(variables)
    optimizer = ready(variables, name="sgd", learning_rate=1.0, clip_norm=1.0)
    apply_scaled(optimizer, [np.full_like(value, 7) for value in before], variables, None)
    moved = [new - old for new, old in zip(values(variables), before, strict=True)]
    assert math.sqrt(sum(float((step**2).sum()) for step in moved)) == pytest.approx(1, rel=1e-5)


def test_momentum_is_keras_own() -> None:
    sgd = build_optimizer(OptimizerSection(name="sgd", momentum=0.9, nesterov=True))
    assert (sgd.momentum, sgd.nesterov) == (0.9, True)
    assert build_optimizer(OptimizerSection(name="rmsprop", momentum=0.5)).momentum == 0.5
    assert build_optimizer(OptimizerSection(name="rmsprop")).momentum == 0


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_rate_can_be_set_before_each_step(precision: str, accumulation: int) -> None:
    variables = weights()
    optimizer = ready(variables, precision, name="sgd", accumulation=accumulation)
    before = values(variables)
    for rate in (5.0, 0.5)[-accumulation:]:
        optimizer.learning_rate = rate
        assert float(optimizer.learning_rate) == rate
        scale = float(optimizer.scale_loss(1.0))
        scaled = [gradient * scale for gradient in gradients(variables)]
        apply_scaled(optimizer, scaled, variables, None)
    expected = [old - 0.5 * g for old, g in zip(before, gradients(variables), strict=True)]
    assert_close(values(variables), expected)


@pytest.mark.parametrize("name", EACH)
def test_accumulated_gradients_update_like_their_mean_and_only_once(name: Any) -> None:
    whole, parts = weights(), weights()
    large = ready(whole, name=name, learning_rate=0.1, **EVERYTHING)
    small = ready(parts, name=name, learning_rate=0.1, accumulation=3, **EVERYTHING)
    for update in range(2):
        three = [gradients(whole, 10 * update + step) for step in range(3)]
        apply_scaled(large, [sum(g) / 3 for g in zip(*three, strict=True)], whole, None)
        for number, gradient in enumerate(three):
            before = values(parts)
            apply_scaled(small, gradient, parts, None)
            moved = any(np.any(a != b) for a, b in zip(before, values(parts), strict=True))
            assert moved == (number == 2)
        assert_close(values(parts), values(whole), 1e-5)


def test_accumulating_is_training_on_one_large_batch() -> None:
    images = np.random.default_rng(0).normal(size=(24, 6, 6, 2)).astype("float32")

    def trained(accumulation: int, batch: int) -> Arrays:
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((6, 6, 2)), keras.layers.Conv2D(4, 3, activation="silu"),
             keras.layers.Flatten(), keras.layers.Dense(3)]
        )  # fmt: skip
        variables = model.trainable_variables
        optimizer = ready(variables, name="adamw", accumulation=accumulation, **EVERYTHING)

        @tf.function(autograph=False)
        def step(batch: Any) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.reduce_logsumexp(model(batch), axis=-1))
            apply_scaled(optimizer, tape.gradient(loss, variables), variables, None)

        for start in range(0, 24, batch):
            step(images[start : start + batch])
        return values(variables)

    assert_close(trained(3, 4), trained(1, 12), 1e-5)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_with_float16_an_infinite_gradient_costs_its_update_and_halves_the_scale(
    accumulation: int,
) -> None:
    variables = weights()
    optimizer = ready(variables, "mixed_float16", accumulation=accumulation)
    before, scale = values(variables), float(optimizer.scale_loss(1.0))
    assert scale > 1
    infinite = gradients(variables)
    infinite[0][0] = np.inf
    for gradient in (infinite, gradients(variables))[:accumulation]:
        apply_scaled(optimizer, gradient, variables, None)
    assert_close(values(variables), before, 0)
    assert float(optimizer.scale_loss(1.0)) == scale / 2
    for _ in range(accumulation):
        apply_scaled(optimizer, gradients(variables), variables, None)
    assert any(np.any(a != b) for a, b in zip(values(variables), before, strict=True))
    assert all(np.all(np.isfinite(value)) for value in values(variables))


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("name", EACH)
def test_some_of_the_variables_can_be_trained_alone(
    name: Any, accumulation: int, precision: str
) -> None:
    variables = weights()
    optimizer = ready(variables, precision, name=name, accumulation=accumulation, **EVERYTHING)
    head, before = variables[-2:], values(variables)
    for _ in range(accumulation):
        apply_scaled(optimizer, gradients(head), head, None)
    assert_close(values(variables)[:-2], before[:-2], 0)
    assert all(np.any(a != b) for a, b in zip(values(head), before[-2:], strict=True))
    for _ in range(accumulation):
        apply_scaled(optimizer, gradients(variables), variables, None)
    assert all(np.any(a != b) for a, b in zip(values(variables), before, strict=True))


@pytest.mark.parametrize("name", ["sgd", "adamw", "lion"])
def test_a_part_of_the_update_is_a_part_of_the_rate(name: Any) -> None:
    whole, parts = weights(), weights()
    factors = [0.25] * (len(parts) - 2) + [1.0] * 2
    reference = ready(whole, name=name, learning_rate=0.1, weight_decay=0.1)
    scaled = ready(parts, name=name, learning_rate=0.1, weight_decay=0.1)
    before = values(whole)
    apply_scaled(reference, gradients(whole), whole, None)
    step = tf.function(lambda *given: apply_scaled(scaled, given, parts, factors), autograph=False)
    step(*gradients(parts))
    triples = zip(before, values(whole), factors, strict=True)
    assert_close(values(parts), [old + part * (new - old) for old, new, part in triples])


def test_muon_makes_updates_of_convolutions_nearly_orthogonal_and_leaves_the_head_to_adam() -> None:
    variables, copies = weights(), weights()
    before = values(variables)
    apply_scaled(
        ready(variables, name="muon", learning_rate=0.1), gradients(variables), variables, None
    )
    apply_scaled(ready(copies, name="adam", learning_rate=0.1), gradients(copies), copies, None)
    assert_close(values(variables)[1:], values(copies)[1:])
    matrix = (variables[0].numpy() - before[0]).reshape(3 * 3 * 2, 8)
    sizes = np.linalg.svd(matrix, compute_uv=False) / (0.1 * 0.2 * math.sqrt(18))
    assert sizes.min() > 0.6, "Muon's iteration leaves singular values between 0.7 and 1.2"
    assert sizes.max() < 1.3
    adams = np.sqrt(np.mean((copies[0].numpy() - before[0]) ** 2))
    assert 0.1 < np.sqrt(np.mean(matrix**2)) / adams < 1, "at a size like Adam's"


@pytest.mark.parametrize("fields", [{"name": "muon"}, {"name": "sgd", "accumulation": 4}])
def test_optimisers_of_our_own_are_rebuilt_from_what_keras_saves(fields: dict[str, Any]) -> None:
    optimizer = build_optimizer(OptimizerSection(**fields, weight_decay=0.1))
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
