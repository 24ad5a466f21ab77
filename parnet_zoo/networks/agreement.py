"""The proof that two forms of a network agree, on real images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt


class Agreement(BaseModel):
    """How far two networks are apart on the same images.

    Attributes:
        images: Images compared.
        logits: Largest absolute difference of any logit.
        probabilities: Largest absolute difference of any probability.
        same_label: Images for which both give the same label.
    """

    model_config = ConfigDict(frozen=True)

    images: NonNegativeInt
    logits: float
    probabilities: float
    same_label: NonNegativeInt


def agreement(first: Any, second: Any, batches: Iterable[Any]) -> Agreement:
    """Compare two models giving logits on batches of images (n, h, w, c).

    Where an output is not a number, so is the difference.

    Raises:
        ValueError: There is no image to compare on.
    """
    pairs = [
        [np.asarray(model(batch, training=False), np.float64) for model in (first, second)]
        for batch in batches
    ]
    if not any(len(a) for a, _ in pairs):
        raise ValueError("two networks cannot be compared on no image")
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return Agreement(
        images=len(a),
        # np.max gives nan if any of them is, unlike Python's max
        logits=float(np.max(np.abs(a - b))),
        probabilities=float(np.max(np.abs(_softmax(a) - _softmax(b)))),
        same_label=int((a.argmax(-1) == b.argmax(-1)).sum()),
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normalised: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return normalised
