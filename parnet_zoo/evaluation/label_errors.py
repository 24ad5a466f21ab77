"""Images whose label may be wrong, the most suspicious first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parnet_zoo.evaluation.checked import checked
from parnet_zoo.evaluation.strangeness import strangeness

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Suspect:
    """One image and its label.

    Attributes:
        number: Its position among the images that were searched.
        given: Class number of its label.
        suggested: Of the other classes the one that it looks most like.
        given_probability: That of its label.
        suggested_probability: That of the suggested class.
        score: How much speaks against the label, in nats; see `label_errors`.
        confident: Whether confident learning counts it as a label error: the suggested class is
            more probable than the label, and as probable as for images that have it as their label.
    """

    number: int
    given: int
    suggested: int
    given_probability: float
    suggested_probability: float
    score: float
    confident: bool


@dataclass(frozen=True)
class LabelErrors:
    """What a search found.

    Attributes:
        suspects: The most suspicious images first.
        searched: How many images were searched.
        confident: How many of them confident learning counts as label errors.
    """

    suspects: tuple[Suspect, ...]
    searched: int
    confident: int


def label_errors(
    given: ArrayLike,
    probabilities: ArrayLike,
    *,
    features: ArrayLike | None = None,
    thresholds: ArrayLike | None = None,
    most: int | None = None,
) -> LabelErrors:
    """Rank images by how much speaks against their labels.

    A label is wrong where the image shows another class, and where it shows none at all. For the
    first, -ln(p / t) is how far the probability p of the label lies below the mean probability t
    of that label among the images that have it: the class' threshold in confident learning
    (Northcutt, Jiang and Chuang, "Confident Learning", JAIR 70, 2021,
    https://arxiv.org/abs/1911.00068). For the second, which probabilities do not show, since they
    only choose among the classes, the features tell how far an image lies from those of its class
    (Sun, Ming, Zhu and Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022,
    https://arxiv.org/abs/2204.06507): -ln(the fraction of images that lie as far off). The score is
    the sum of both, in nats.

    Probabilities of a network that was not trained on the images tell more: one that was has
    learned some of the wrong labels too.

    Args:
        given: (n,) class numbers of the labels.
        probabilities: (n, classes), each row a distribution. What is not a number counts as 0.
        features: (n, d) what the network's head reads; None ranks by the probabilities alone.
        thresholds: (classes,) of confident learning; by default computed from these images.
        most: How many suspects to give; None gives all images.

    Returns:
        The images by their score; among equal ones the first in their order.

    Raises:
        ValueError: There are no images, or the shapes do not fit.
    """
    labels, rows = checked(given, np.nan_to_num(np.asarray(probabilities, np.float64), nan=0.0))
    limits = _thresholds(labels, rows) if thresholds is None else np.asarray(thresholds, float)
    if limits.shape != rows.shape[1:]:
        raise ValueError(f"thresholds of shape {limits.shape} for {rows.shape[1]} classes")
    everyone = np.arange(len(labels))
    relative = rows / np.maximum(limits, _SMALLEST)
    scores = -np.log(np.maximum(relative[everyone, labels], _SMALLEST))
    if features is not None:
        scores = scores + strangeness(labels, features)
    relative[everyone, labels] = -1.0
    suggested = relative.argmax(axis=1)
    own, other = rows[everyone, labels], rows[everyone, suggested]
    confident = (other > own) & (other >= limits[suggested])
    suspects = tuple(
        Suspect(
            number=int(number),
            given=int(labels[number]),
            suggested=int(suggested[number]),
            given_probability=float(own[number]),
            suggested_probability=float(other[number]),
            score=float(scores[number]),
            confident=bool(confident[number]),
        )
        for number in np.argsort(-scores, kind="stable")[:most]
    )
    return LabelErrors(suspects, len(labels), int(confident.sum()))


def _thresholds(labels: NDArray[np.int64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean probability of each class among the images that have it as their label."""
    classes = rows.shape[1]
    own = rows[np.arange(len(labels)), labels]
    images = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, own, minlength=classes)
    # A class without images is as good as any other.
    return np.where(images > 0, sums / np.maximum(images, 1), own.mean())
