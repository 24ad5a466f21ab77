"""The best network, folded, packed and judged as it will be served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.folder import ImageFolder
from parnet_zoo.data.pipeline import evaluation_batches
from parnet_zoo.errors import DataError, ParnetZooError
from parnet_zoo.evaluation.metrics import log_loss, top1
from parnet_zoo.networks.agreement import Agreement, agreement
from parnet_zoo.networks.deploy_form import NoDeployFormError, to_deploy_form
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.pack import pack
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.training.images import Images, normalisation

BATCH = 32
BATCHES_COMPARED = 16
"""Batches of validation images on which both forms are compared."""
LARGEST_DIFFERENCE = 1e-3
"""Of a probability, between both forms: far above rounding, far below what anybody would notice."""


@dataclass(frozen=True)
class Judged:
    """What was measured on one split, through the very files that are served.

    Attributes:
        truth: Labels, (n,).
        probabilities: (n, classes).
        numbers: Positions of the images in their split, (n,).
        flipped: The same images with the probabilities of each and its mirror image averaged, if
            that was asked for.
    """

    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    numbers: NDArray[np.int64]
    flipped: Judged | None = None

    @property
    def accuracy(self) -> float:
        """Top-1."""
        return top1(self.truth, self.probabilities)

    def metrics(self, prefix: str) -> dict[str, float]:
        """Accuracy and loss under names like `test_accuracy`."""
        return {
            f"{prefix}_accuracy": self.accuracy,
            f"{prefix}_loss": log_loss(self.truth, self.probabilities),
            **self.flip_metrics(prefix),
        }

    def flip_metrics(self, prefix: str) -> dict[str, float]:
        """The same with mirror images under names like `test_flip_accuracy`, where measured."""
        return {} if self.flipped is None else self.flipped.metrics(f"{prefix}_flip")


def fold_and_pack(
    model: Any, recipe: Recipe, folder: ImageFolder, validation: Images, target: Path
) -> Agreement | None:
    """Fold the trained network, compare both forms on validation images, write it for serving.

    Args:
        model: Training form in float32 with the best weights, giving logits.
        recipe: Of the run.
        folder: For the class names.
        validation: Real images to compare on.
        target: Folder for the ONNX graph and its settings.

    Returns:
        The largest differences between training form and deploy form; None for a family that has no
        deploy form, whose training form is packed.

    Raises:
        ParnetZooError: The forms disagree by more than rounding.
    """
    mean, std = normalisation(recipe)
    served, difference = model, None
    with suppress(NoDeployFormError):
        served = to_deploy_form(model)
        difference = _compared(model, served, validation, mean, std)
    pack(
        served,
        target,
        labels=folder.classes,
        resolution=recipe.spec().resolution,
        resize=recipe.data.resize,
        mean=mean,
        std=std,
    )
    return difference


def _compared(
    model: Any, deploy: Any, validation: Images, mean: Sequence[float], std: Sequence[float]
) -> Agreement:
    batches = evaluation_batches(
        validation.store, validation.split.labels, batch_size=BATCH, mean=mean, std=std
    )
    difference = agreement(
        model, deploy, (pixels for pixels, _ in islice(iter(batches), BATCHES_COMPARED))
    )
    if not difference.probabilities <= LARGEST_DIFFERENCE:  # also where it is not a number
        raise ParnetZooError(
            f"the deploy form differs from the trained network by {difference.probabilities:.2e} in"
            " a probability, and is not registered; the weights may be too large for float32"
        )
    return difference


def judge(classifier: Classifier, images: Images, *, flip: bool = False) -> Judged:
    """Ask the served form about every readable image of a split.

    Args:
        classifier: The packed network.
        images: The split.
        flip: Whether to ask about the mirror images as well.

    Raises:
        DataError: None of them can be read any more.
    """
    judged, answers, mirrored = [], [], []
    for pixels, numbers in _batches(images):
        judged.append(numbers)
        answers.append(classifier.probabilities(pixels))
        if flip:
            mirrored.append(classifier.probabilities(np.ascontiguousarray(pixels[:, :, ::-1])))
    if not judged:
        raise DataError(f"no {images.split.name} image can be read any more; put them back")
    numbers, probabilities = np.concatenate(judged), np.concatenate(answers)
    truth = images.split.labels[numbers]
    if not flip:
        return Judged(truth, probabilities, numbers)
    mean = ((probabilities + np.concatenate(mirrored)) / 2).astype(np.float32)
    return Judged(truth, probabilities, numbers, Judged(truth, mean, numbers))


def _batches(images: Images) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    readable = images.store.readable
    for start in range(0, len(readable), BATCH):
        indices = readable[start : start + BATCH]
        pixels, ok = images.store.batch(indices)
        if ok.any():
            yield pixels[ok], indices[ok]
