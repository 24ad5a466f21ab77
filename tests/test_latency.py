"""How networks are timed."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from parnet_zoo.serving import latency
from parnet_zoo.serving.latency import BATCH, TURNS, measure_latencies, measure_latency
from parnet_zoo.serving.runtime import Classifier
from tests.conftest import Done
from tests.serving_helpers import colour_model


class Sleeper(Classifier):
    """A classifier that takes so long for each image, and notes who was asked."""

    def __init__(self, folder: Path, name: str, seconds: float, asked: list[str]) -> None:
        super().__init__(folder)
        self._name, self._seconds, self._asked = name, seconds, asked
        self.sizes: list[int] = []

    def probabilities(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._asked.append(self._name)
        self.sizes.append(len(batch))
        time.sleep(self._seconds * len(batch))
        return super().probabilities(batch)


def test_single_images_and_batches_are_timed(tmp_path: Path) -> None:
    sleeper = Sleeper(colour_model(tmp_path), "a", 0.002, [])
    found = measure_latency(sleeper, seconds=0.2)
    assert 2 <= found.median_ms <= found.p95_ms
    assert 0 < found.images_per_second <= 1 / 0.002
    assert found.threads == Classifier(tmp_path).threads >= 1
    assert set(sleeper.sizes) == {1, BATCH}
    assert found.metrics() == {
        "latency_ms": found.median_ms,
        "latency_p95_ms": found.p95_ms,
        "served_images_per_second": found.images_per_second,
    }


def test_a_slow_network_is_asked_for_a_few_images_whatever_the_time(tmp_path: Path) -> None:
    sleeper = Sleeper(colour_model(tmp_path), "a", 0.001, [])
    measure_latency(sleeper, seconds=1e-6)
    assert sleeper.sizes.count(1) >= 2 * TURNS
    assert sleeper.sizes.count(BATCH) >= 2


def test_a_fast_network_is_done_before_the_time_is_over(tmp_path: Path) -> None:
    sleeper = Sleeper(colour_model(tmp_path), "a", 0.0, [])
    measure_latency(sleeper, seconds=1000)
    assert sleeper.sizes.count(1) <= TURNS * (latency._MOST_IMAGES_A_TURN + 1) + 3


def test_several_networks_are_timed_in_turns(tmp_path: Path) -> None:
    asked: list[str] = []
    folder = colour_model(tmp_path)
    sleepers = [Sleeper(folder, name, seconds, asked) for name, seconds in (("a", 0), ("b", 0.003))]
    turns: list[int] = []
    quick, slow = measure_latencies(sleepers, seconds=0.05, turn_done=turns.append)
    assert turns == list(range(1, TURNS + 1))
    assert quick.median_ms < slow.median_ms
    changes = sum(one != other for one, other in pairwise(asked))
    assert changes >= 2 * TURNS - 1, "each has its turn between the other's"


def test_nothing_can_be_timed_in_no_time(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seconds must be above 0"):
        measure_latency(Classifier(colour_model(tmp_path)), seconds=0)
    assert measure_latencies([]) == []


@pytest.mark.slow
def test_every_training_logs_what_its_network_costs(quickstart: Done) -> None:
    metrics = quickstart.json["metrics"]
    assert metrics["latency_ms"] > 0
    assert metrics["latency_p95_ms"] >= metrics["latency_ms"]
    assert metrics["served_images_per_second"] > 0
    assert metrics["model_bytes"] > 4 * metrics["parameters"]
    assert metrics["multiply_adds"] > metrics["parameters"]
