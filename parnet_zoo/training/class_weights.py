"""How much each class counts in the training loss."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.errors import UsageError
from parnet_zoo.recipe.schema.class_weights import ClassWeights

SHOWN = 20
"""Classes that a message lists."""


def class_weights(
    wanted: ClassWeights, classes: Sequence[str], counts: Sequence[int]
) -> NDArray[np.float32]:
    """The weight of each class.

    Args:
        wanted: "balanced", by which every class that has images counts alike and the mean over the
            images is 1; or weights of some classes by their names, 1 for the others.
        classes: Names of all classes.
        counts: Training images of each class.

    Returns:
        Weights, (classes,).

    Raises:
        UsageError: There is no class of such a name; the message has the nearest.
    """
    if wanted == "balanced":
        return _balanced(np.asarray(counts, dtype=np.float64))
    weights = dict.fromkeys(classes, 1.0)
    for name, weight in wanted.items():
        if name not in weights:
            raise UsageError(_unknown(name, classes))
        weights[name] = weight
    return np.asarray([weights[name] for name in classes], dtype=np.float32)


def _balanced(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    present = counts > 0
    weights = np.ones(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights.astype(np.float32)


def _unknown(name: str, classes: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, classes, n=1, cutoff=0)
    shown = ", ".join(classes) if len(classes) <= SHOWN else f"{len(classes)} classes"
    return f"class_weights: the data has no class {name!a}; nearest is {near[0]!a}, of {shown}"
