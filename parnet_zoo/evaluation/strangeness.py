"""How far images lie from the others of their class."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEIGHBOURS = 10
"""The distance to the tenth nearest image counts, so that a few of one kind stay strange."""
_MOST_COMPARED = 2000
_MOST_FEATURES = 128
_CHUNK = 1024


def strangeness(labels: ArrayLike, features: ArrayLike) -> NDArray[np.float64]:
    """-ln(the fraction of images that lie as far from the images of their class), in nats.

    The distance is Euclidean, to the tenth nearest image with the same label. Of large classes 2000
    images are compared with, and wide features are projected at random onto 128 directions, which
    keeps distances (Johnson and Lindenstrauss); both choices are the same on every call.

    Args:
        labels: (n,) class numbers.
        features: (n, d) what the network's head reads. A row that is not finite is the
            strangest.

    Returns:
        (n,): 0 for the least strange image, ln(n) for the strangest. An image that is alone in its
        class is told nothing about, and has 0.

    Raises:
        ValueError: There is not one row of features for each label.
    """
    classes, rows = np.asarray(labels), np.asarray(features)
    if rows.ndim != 2 or len(rows) != len(classes):  # noqa: PLR2004  # (images, features)
        raise ValueError(f"features of shape {rows.shape} for {len(classes)} images")
    distances = np.full(len(rows), -np.inf)
    narrow = narrowed(rows)
    finite = np.isfinite(narrow).all(axis=1)
    for label in np.unique(classes):
        members = np.flatnonzero((classes == label) & finite)
        distances[members] = _to_own(narrow[members])
    distances[~finite] = np.inf
    ordered = np.sort(distances)
    as_far = len(rows) - np.searchsorted(ordered, distances, side="left")
    return np.where(np.isneginf(distances), 0.0, -np.log(as_far / max(len(rows), 1)))


def narrowed(features: NDArray[np.generic]) -> NDArray[np.float32]:
    """The features, projected onto 128 random directions where they are more.

    Args:
        features: (n, d).
    """
    rows = features.astype(np.float32)
    width = rows.shape[1]
    if width <= _MOST_FEATURES:
        return rows
    random = np.random.default_rng(width)
    directions = random.standard_normal((width, _MOST_FEATURES), np.float32)
    narrow: NDArray[np.float32] = rows @ (directions / np.float32(np.sqrt(_MOST_FEATURES)))
    return narrow


def _to_own(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The distance of each row to the tenth nearest other one, or to the last where they are few.

    Negative infinity where there is no other.
    """
    if len(rows) == 0:
        return np.zeros(0)
    step = -(-len(rows) // _MOST_COMPARED)
    compared = np.arange(0, len(rows), step)
    others = rows[compared]
    squares = (others.astype(np.float64) ** 2).sum(axis=1)
    found = np.full(len(rows), -np.inf)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        own = (part.astype(np.float64) ** 2).sum(axis=1)
        gaps = own[:, None] + squares[None] - 2.0 * (part @ others.T)
        gaps[(np.arange(start, start + len(part))[:, None] == compared[None])] = np.inf
        nearest = min(NEIGHBOURS, len(compared) - 1)
        if nearest > 0:
            found[start : start + len(part)] = np.partition(gaps, nearest - 1, axis=1)[
                :, nearest - 1
            ]
    return found
