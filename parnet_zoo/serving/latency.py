"""How long a served network takes, measured on this machine and now."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.serving.runtime import Classifier

BATCH = 16
"""Images at once for `images_per_second`: as many as the served model puts through at once."""
TURNS = 8
"""Into which the time of each network is divided."""

_WARM_UP_CALLS = 3
_LEAST_IMAGES_A_TURN = 2
# A small network has its percentiles long before the time is over.
_MOST_IMAGES_A_TURN = 100
_LEAST_BATCHES = 2
# The percentiles need many values, the mean of the batches only a few.
_SHARE_OF_BATCHES = 0.25


@dataclass(frozen=True)
class Latency:
    """What one network takes on one machine. Decoding is not counted.

    Attributes:
        median_ms: Half of the single images were answered within this time, milliseconds.
        p95_ms: 95% of them were, milliseconds.
        images_per_second: In batches of `BATCH`, by their median.
        threads: Threads that the engine may use.
    """

    median_ms: float
    p95_ms: float
    images_per_second: float
    threads: int

    def metrics(self) -> dict[str, float]:
        """Under the names that a run has them by."""
        return {
            "latency_ms": self.median_ms,
            "latency_p95_ms": self.p95_ms,
            "served_images_per_second": self.images_per_second,
        }


def measure_latency(classifier: Classifier, *, seconds: float = 2.0) -> Latency:
    """Time a classifier: one image at a time and in batches, after a warm-up.

    The images are noise, which takes a network as long as photographs do. Whatever else runs on the
    machine makes the times longer: to compare networks, use `measure_latencies`.

    Args:
        classifier: From `load`.
        seconds: How long to measure. A slow network takes longer, for 16 single images and two
            batches; a fast one is done after 800 images.

    Raises:
        ValueError: seconds is not above 0.
    """
    [latency] = measure_latencies([classifier], seconds=seconds)
    return latency


def measure_latencies(
    classifiers: Sequence[Classifier],
    *,
    seconds: float = 2.0,
    turn_done: Callable[[int], None] = lambda _turns: None,
) -> list[Latency]:
    """Time several classifiers in turns, so that noise of the machine hits all of them alike.

    Args:
        classifiers: From `load`.
        seconds: For each of them; see `measure_latency`.
        turn_done: Called with the number of turns that are over, of `TURNS`.

    Returns:
        One for each, in their order.

    Raises:
        ValueError: seconds is not above 0.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0, not {seconds}")
    clocks = [_Clock(classifier) for classifier in classifiers]
    for turn in range(1, TURNS + 1):
        for clock in clocks:
            clock.take_turn(seconds / TURNS)
        turn_done(turn)
    return [clock.latency() for clock in clocks]


class _Clock:
    """The times of one network, in seconds."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        size = classifier.size
        self._batch = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
        self._images = cycle(np.split(self._batch, BATCH))
        self._of_images: list[float] = []
        self._of_batches: list[float] = []
        for _ in range(_WARM_UP_CALLS):
            self._time(next(self._images))
        self._time(self._batch)

    def take_turn(self, seconds: float) -> None:
        # Not counted: caches are cold, and another network's threads spin for a moment.
        self._time(next(self._images))
        end = time.perf_counter() + seconds * (1 - _SHARE_OF_BATCHES)
        for count in range(_MOST_IMAGES_A_TURN):
            if count >= _LEAST_IMAGES_A_TURN and time.perf_counter() > end:
                break
            self._of_images.append(self._time(next(self._images)))
        while self._batches_are_due():
            self._of_batches.append(self._time(self._batch))

    def latency(self) -> Latency:
        return Latency(
            median_ms=float(np.median(self._of_images)) * 1e3,
            p95_ms=float(np.percentile(self._of_images, 95)) * 1e3,
            images_per_second=BATCH / float(np.median(self._of_batches)),
            threads=self._classifier.threads,
        )

    def _batches_are_due(self) -> bool:
        spent = sum(self._of_batches)
        total = spent + sum(self._of_images)
        return len(self._of_batches) < _LEAST_BATCHES or spent < _SHARE_OF_BATCHES * total

    def _time(self, pixels: NDArray[np.uint8]) -> float:
        start = time.perf_counter()
        self._classifier.probabilities(pixels)
        return time.perf_counter() - start
