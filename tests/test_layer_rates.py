"""Earlier stages are trained at lower rates."""

from __future__ import annotations

from typing import Any

import keras
import pytest

import registry
from parnet_zoo.errors import UsageError
from parnet_zoo.networks.freezing import freeze
from parnet_zoo.recipe.schema.optimizer import OptimizerSection
from parnet_zoo.training.layer_rates import layer_rates

DEPTH_FROM_HEAD = {
    "head": 0, "final": 1, "merge_2": 2, "merge_1": 3, "merge_0": 4,
    "stream_2": 5, "stream_1": 5, "stream_0": 5,
    "enter_2": 6, "enter_1": 7, "stem_1": 8, "stem_0": 9,
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Any:
    return registry.get("parnet_test").build(num_classes=3)


def test_each_stage_has_a_part_of_the_rate_of_the_one_after_it(model: Any) -> None:
    factors = layer_rates(model, OptimizerSection(layer_decay=0.5))
    assert factors is not None
    seen = set()
    for variable, factor in zip(model.trainable_variables, factors, strict=True):
        stage = next(stage for stage in DEPTH_FROM_HEAD if variable.path.startswith(f"{stage}_"))
        assert factor == pytest.approx(0.5 ** DEPTH_FROM_HEAD[stage])
        seen.add(stage)
    assert seen == set(DEPTH_FROM_HEAD)


@pytest.mark.parametrize("decay", [None, 1.0])
def test_without_a_decay_there_is_one_rate_for_all(model: Any, decay: float | None) -> None:
    assert layer_rates(model, OptimizerSection(layer_decay=decay)) is None


def test_frozen_stages_have_no_rate_and_the_others_keep_theirs() -> None:
    model = registry.get("parnet_test").build(num_classes=3)
    freeze(model, ["stem", "merge"])
    factors = layer_rates(model, OptimizerSection(layer_decay=0.5))
    assert factors is not None
    assert len(factors) == len(model.trainable_variables)
    assert max(factors) == 1.0
    assert min(factors) == pytest.approx(0.5**7)


def test_a_network_without_stages_is_refused() -> None:
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="plain")
    with pytest.raises(UsageError, match=r"optimizer\.layer_decay: plain has no named stages"):
        layer_rates(plain, OptimizerSection(layer_decay=0.5))
