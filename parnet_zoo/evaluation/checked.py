"""Labels and probabilities that fit each other."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked(
    truth: ArrayLike, probabilities: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """True classes and their probabilities as arrays.

    Args:
        truth: (n,) class numbers.
        probabilities: (n, classes).

    Raises:
        ValueError: There are no images, or the shapes do not fit.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    if rows.ndim != 2 or 0 in rows.shape:  # noqa: PLR2004  # (images, classes)
        raise ValueError(
            f"probabilities of shape {rows.shape}, where (images, classes) is expected"
        )
    true = class_numbers(truth, rows.shape[1])
    if len(true) != len(rows):
        raise ValueError(f"{len(true)} true classes, but probabilities of {len(rows)} images")
    return true, rows


def class_numbers(values: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Class numbers as an array.

    Args:
        values: (n,) whole numbers.
        classes: How many classes there are.

    Raises:
        ValueError: They are not in one row, or one is none of the classes.
    """
    numbers: NDArray[Any] = np.asarray(values)
    if numbers.ndim != 1 or (numbers.size and not np.issubdtype(numbers.dtype, np.integer)):
        raise ValueError(f"class numbers of shape {numbers.shape} and type {numbers.dtype}")
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < classes:
        raise ValueError(f"class {numbers.min()} or {numbers.max()} is none of {classes} classes")
    return numbers.astype(np.int64)
