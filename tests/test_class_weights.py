"""How much each class counts in the training loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parnet_zoo.errors import UsageError
from parnet_zoo.training.class_weights import class_weights


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=30))
def test_balanced_classes_count_alike_and_images_count_one_on_average(counts: list[int]) -> None:
    weights = class_weights("balanced", [f"c{n}" for n in range(len(counts))], counts)
    assert weights.dtype == np.float32
    assert np.average(weights, weights=counts) == pytest.approx(1, rel=1e-4)
    assert weights * counts == pytest.approx([sum(counts) / len(counts)] * len(counts), rel=1e-4)


def test_a_class_without_images_does_not_change_the_others() -> None:
    assert class_weights("balanced", ["a", "b", "c"], [3, 0, 1]) == pytest.approx([2 / 3, 1, 2])


def test_classes_without_a_wish_count_one() -> None:
    assert class_weights({"cat": 2.5}, ["ant", "cat", "dog"], [1, 1, 1]).tolist() == [1, 2.5, 1]


def test_an_unknown_class_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no class 'cta'; nearest is 'cat', of ant, cat, dog"):
        class_weights({"cta": 2.0}, ["ant", "cat", "dog"], [1, 1, 1])
    many = [f"class {n}" for n in range(1000)]
    with pytest.raises(UsageError) as caught:
        class_weights({"nothing\x1b[31m": 2.0}, many, [1] * 1000)
    assert len(str(caught.value)) < 200
    assert "\x1b" not in str(caught.value)
