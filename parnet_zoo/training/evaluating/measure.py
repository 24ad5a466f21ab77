"""What a served network says about some images, and about many forms of them, in one pass."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.store import Unreadable
from parnet_zoo.evaluation.corruptions import CORRUPTIONS, Corruption
from parnet_zoo.evaluation.metrics import log_loss, top1
from parnet_zoo.evaluation.ten_crop import ten_crops
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.training.evaluating.chosen_images import ChosenImages
from parnet_zoo.training.evaluating.decoded_images import Decoded, DecodedImages
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.spoken_time import spoken_time

FLIP, TEN_CROP = "flip", "ten_crop"
VIEWS = {FLIP: 2, TEN_CROP: 10}
"""Of each image, whose probabilities are averaged."""
_WORTH_SAYING_SECONDS = 10.0


@dataclass
class Tally:
    """Sums over the images so far.

    Attributes:
        images: How many.
        right: Of them.
        loss: Sum of -ln(probability of the true class), nats.
    """

    images: int = 0
    right: int = 0
    loss: float = 0.0

    def add(self, truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
        """Count some more images."""
        self.images += len(truth)
        self.right += round(top1(truth, probabilities) * len(truth))
        self.loss += log_loss(truth, probabilities) * len(truth)

    @property
    def top1(self) -> float:
        """The fraction that is right."""
        return self.right / self.images

    @property
    def log_loss(self) -> float:
        """The mean, nats."""
        return self.loss / self.images


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out.

    Attributes:
        truth: (n,) labels of the readable images.
        probabilities: (n, classes), as served.
        averaged: By `FLIP` and `TEN_CROP`, if that was asked for.
        robustness: By corruption, likewise.
        unreadable: Files that were left out.
    """

    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    averaged: dict[str, Tally]
    robustness: dict[Corruption, Tally]
    unreadable: tuple[Unreadable, ...]


@dataclass(frozen=True)
class Measurement:
    """What is to be measured besides the plain answers.

    Attributes:
        averaging: Whether probabilities are averaged over mirror images, and over ten crops.
        robustness: Whether all of `CORRUPTIONS` are tried.
        seed: Of the noise.
    """

    averaging: bool = True
    robustness: bool = True
    seed: int = 0

    @property
    def forms(self) -> int:
        """How often each image goes through the network."""
        views = 1 + VIEWS[TEN_CROP] if self.averaging else 0
        return 1 + views + (len(CORRUPTIONS) if self.robustness else 0)


def measure(
    classifier: Classifier, images: ChosenImages, wanted: Measurement, progress: Progress
) -> Measured:
    """Ask a network about every readable image of a split.

    Memory grows with the images by their probabilities only, not by their pixels.

    Args:
        classifier: The network.
        images: The split.
        wanted: What to ask.
        progress: What the person sees: a bar, and the time that it will take.
    """
    counts = _Counts(classifier, wanted)
    batches = DecodedImages(classifier, images, with_larger=wanted.averaging)
    total = len(images.split)
    with progress.task("evaluating", total) as update:
        began, seen = time.monotonic(), 0
        for batch in batches:
            counts.add(batch)
            if seen == 0:
                first = len(batch.truth) + len(batch.unreadable)
                _say_when(progress, time.monotonic() - began, first, total, wanted.forms)
            seen += len(batch.truth) + len(batch.unreadable)
            update(seen, "")
    return counts.measured()


def _say_when(progress: Progress, seconds: float, done: int, total: int, forms: int) -> None:
    left = seconds / done * (total - done)
    if left > _WORTH_SAYING_SECONDS:
        times = "" if forms == 1 else f", each {forms} times through the network"
        progress.say(f"{total:,} images{times}: about {spoken_time(left)}")


@dataclass
class _Counts:
    classifier: Classifier
    wanted: Measurement
    truths: list[NDArray[np.int64]] = field(default_factory=list)
    answers: list[NDArray[np.float32]] = field(default_factory=list)
    averaged: dict[str, Tally] = field(default_factory=dict)
    robustness: dict[Corruption, Tally] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, batch: Decoded) -> None:
        self.unreadable += batch.unreadable
        if not len(batch.truth):
            return
        answers = self.classifier.probabilities(batch.pixels)
        self.truths.append(batch.truth)
        self.answers.append(answers)
        if batch.larger is not None:
            mirrored = np.ascontiguousarray(batch.pixels[:, :, ::-1])
            both = [answers, self.classifier.probabilities(mirrored)]
            self.averaged.setdefault(FLIP, Tally()).add(batch.truth, _mean(both))
            crops = self._ten_crops(batch.larger)
            self.averaged.setdefault(TEN_CROP, Tally()).add(batch.truth, crops)
        if self.wanted.robustness:
            for corruption in CORRUPTIONS:
                damaged = np.stack([corruption(p, self.wanted.seed) for p in batch.pixels])
                answers = self.classifier.probabilities(damaged)
                self.robustness.setdefault(corruption, Tally()).add(batch.truth, answers)

    def measured(self) -> Measured:
        classes = len(self.classifier.labels)
        return Measured(
            np.concatenate([np.zeros(0, np.int64), *self.truths]),
            np.concatenate([np.zeros((0, classes), np.float32), *self.answers]),
            self.averaged,
            self.robustness,
            tuple(self.unreadable),
        )

    def _ten_crops(self, larger: NDArray[np.uint8]) -> NDArray[np.float32]:
        crops = np.stack([ten_crops(picture, self.classifier.size) for picture in larger])
        views = [self.classifier.probabilities(view) for view in crops.transpose(1, 0, 2, 3, 4)]
        return _mean(views)


def _mean(views: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean(views, axis=0, dtype=np.float64), np.float32)
