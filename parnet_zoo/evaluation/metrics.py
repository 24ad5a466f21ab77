"""Numbers that say how good predictions are."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parnet_zoo.evaluation.checked import checked, class_numbers

# float32's smallest normal number: a certain, wrong prediction costs about 87, not infinity.
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


def top1(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """The fraction of images whose most probable class is the true one.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes).

    Raises:
        ValueError: There are no images, or the shapes do not fit.
    """
    return top_k(truth, probabilities, 1)


def top_k(truth: ArrayLike, probabilities: ArrayLike, k: int = 5) -> float:
    """The fraction of images whose true class is among the k most probable.

    Among equal probabilities the class with the lower number counts as more probable, so that a
    network that says the same of every class is not right every time. An image with a probability
    that is not a number counts as wrong. With k classes or fewer the result says nothing (it is 1).

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes).
        k: How many classes may be named.

    Raises:
        ValueError: There are no images, the shapes do not fit, or k < 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}, but at least one class must be named")
    true, rows = checked(truth, probabilities)
    own = np.take_along_axis(rows, true[:, None], axis=1)
    numbers = np.arange(rows.shape[1])
    before = (rows > own) | ((rows == own) & (numbers < true[:, None]))
    right = (before.sum(axis=1) < k) & np.isfinite(rows).all(axis=1)
    return float(right.mean())


def log_loss(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of -ln(probability of the true class), in nats; not a number if one of them is not.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes), each row a distribution.

    Raises:
        ValueError: There are no images, or the shapes do not fit.
    """
    true, rows = checked(truth, probabilities)
    own = np.take_along_axis(rows, true[:, None], axis=1)
    return float(-np.log(np.maximum(own, _SMALLEST_PROBABILITY)).mean())


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count the images of each true class (row) that got each predicted class (column).

    Args:
        truth: (n,) class numbers.
        predicted: (n,) class numbers.
        classes: How many classes there are.

    Returns:
        (classes, classes) counts.

    Raises:
        ValueError: The shapes differ, or a number is none of the classes.
    """
    rows, columns = class_numbers(truth, classes), class_numbers(predicted, classes)
    if rows.shape != columns.shape:
        raise ValueError(f"{rows.size} true classes, but {columns.size} predicted ones")
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)
