"""A GPU, where there is one: training in its own precision, without taking all of its memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.distribution import DistributionSection
from parnet_zoo.training.learner import Learner
from parnet_zoo.training.precision import resolve_precision
from parnet_zoo.training.strategy import training_strategy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not tf.config.list_physical_devices("GPU"), reason="TensorFlow sees no GPU on this machine"
    ),
]


def learner(precision: str) -> Any:
    recipe = Recipe.model_validate(
        {"name": "gpu", "epochs": 1, "model": {"name": "parnet_test", "resolution": 32},
         "optimizer": {"name": "adamw", "weight_decay": 0.01, "clip_norm": 1.0}}
    )  # fmt: skip
    strategy = training_strategy(DistributionSection())
    found = Learner(
        recipe, 3, precision=precision, strategy=strategy, class_weights=np.ones(3, np.float32)
    )
    found.begin()
    return found


@pytest.mark.parametrize("precision", [resolve_precision("auto"), "mixed_float16", "float32"])
def test_two_steps_are_trained_on_it_and_memory_grows(precision: str) -> None:
    trained = learner(precision)
    before = [np.array(weight) for weight in trained.model.trainable_variables]
    random = np.random.default_rng(0)
    for number in range(2):
        pixels = tf.constant(random.normal(size=(8, 32, 32, 3)).astype(np.float32))
        targets = tf.one_hot(np.arange(8) % 3, 3)
        sums = trained.step(pixels, targets, number=number, rate=1e-3)
        assert math.isfinite(float(sums.loss))
    kernel = trained.model.trainable_variables[0].value
    assert "GPU" in kernel.device
    after = trained.model.trainable_variables
    assert any(np.any(old != np.array(new)) for old, new in zip(before, after, strict=True))
    assert all(np.all(np.isfinite(np.array(weight))) for weight in after)
    for gpu in tf.config.list_physical_devices("GPU"):
        assert tf.config.experimental.get_memory_growth(gpu)
