"""Whether a network is right as often as it says, and one number that mends it.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017
(https://arxiv.org/abs/1706.04599).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parnet_zoo.evaluation.checked import checked

COLDEST, HOTTEST = 0.1, 10.0
"""Between these a temperature is looked for."""
_STEPS = 60
_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class Bins:
    """Images by how sure the network was of its answer, in bins of equal width.

    Attributes:
        edges: (bins + 1,) confidences, 0 to 1.
        images: (bins,) how many images are in each.
        confidence: (bins,) the mean probability of the answers; not a number in an empty bin.
        accuracy: (bins,) the fraction of answers that are right; not a number in an empty bin.
    """

    edges: NDArray[np.float64]
    images: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def first(self) -> int:
        """Number of the first bin that has images."""
        return int(np.flatnonzero(self.images)[0])


def fit_temperature(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """The temperature T at which softmax(log(probabilities) / T) has the least log loss.

    Above 1 the network was too sure, below 1 not sure enough. The loss is convex in 1 / T, so that
    its slope is halved in on. Where every image is right the loss has no minimum, and the result is
    `COLDEST`. An image with a probability that is not a number is left out.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes), each row a distribution.

    Returns:
        Between `COLDEST` and `HOTTEST`.

    Raises:
        ValueError: There are no images that count, or the shapes do not fit.
    """
    true, rows = checked(truth, probabilities)
    known = np.isfinite(rows).all(axis=1)
    if not known.any():
        raise ValueError("no image has probabilities that are numbers")
    logits = _logarithms(rows[known])
    own = np.take_along_axis(logits, true[known][:, None], axis=1)[:, 0]
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        expected = (_softmax(logits / np.exp(middle)) * logits).sum(axis=1)
        # The slope of the loss in 1 / T: negative asks for a larger 1 / T, a colder T.
        if (expected - own).mean() < 0:
            high = middle
        else:
            low = middle
    return float(np.exp((low + high) / 2))


def at_temperature(probabilities: ArrayLike, temperature: float) -> NDArray[np.float32]:
    """The probabilities of a network whose logits are divided by a temperature.

    The order of the classes stays as it is.

    Args:
        probabilities: (n, classes), each row a distribution.
        temperature: Above 0; 1 changes nothing.

    Returns:
        (n, classes).

    Raises:
        ValueError: The temperature is not above 0.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"a temperature of {temperature}, where a number above 0 is expected")
    rows = np.asarray(probabilities, dtype=np.float64)
    return _softmax(_logarithms(rows) / temperature).astype(np.float32)


def calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """The expected calibration error (ECE) of the most probable class.

    The mean over the images of |accuracy - confidence| of the image's bin, where the bins are
    equally wide. Not a number if a probability is not.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes), each row a distribution.
        bins: How many.

    Raises:
        ValueError: There are no images, or the shapes do not fit.
    """
    if not np.isfinite(np.asarray(probabilities, dtype=np.float64)).all():
        return float("nan")
    binned = confidence_bins(truth, probabilities, bins)
    filled = binned.images > 0
    gaps = np.abs(binned.accuracy[filled] - binned.confidence[filled])
    return float((gaps * binned.images[filled]).sum() / binned.images.sum())


def confidence_bins(truth: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> Bins:
    """Sort images into bins by the probability of their most probable class.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes), each row a distribution.
        bins: How many.

    Raises:
        ValueError: There are no images, the shapes do not fit, or a probability is not a number.
    """
    true, rows = checked(truth, probabilities)
    if not np.isfinite(rows).all():
        raise ValueError("a probability is not a number")
    sure = rows.max(axis=1)
    right = (rows.argmax(axis=1) == true).astype(np.float64)
    # A bin holds its upper edge, as in the paper: certainty belongs to the last one.
    number = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    images = np.bincount(number, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(number, sure, bins) / images
        accuracy = np.bincount(number, right, bins) / images
    edges = np.linspace(0, 1, bins + 1)
    return Bins(edges, images.astype(np.int64), confidence, accuracy)


def _logarithms(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(rows, _SMALLEST))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares
