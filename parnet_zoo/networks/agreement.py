"""The proof that two forms of a network agree, on real images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt


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
    logits: NonNegativeFloat
    probabilities: NonNegativeFloat
    same_label: NonNegativeInt


def agreement(first: Any, second: Any, batches: Iterable[Any]) -> Agreement:
    """Compare two models giving logits on batches of images (n, h, w, c)."""
    images = same = 0
    logits = probabilities = 0.0
    for batch in batches:
        a, b = (np.asarray(model(batch, training=False), np.float64) for model in (first, second))
        images += len(a)
        logits = max(logits, float(np.abs(a - b).max()))
        probabilities = max(probabilities, float(np.abs(_softmax(a) - _softmax(b)).max()))
        same += int((a.argmax(-1) == b.argmax(-1)).sum())
    return Agreement(images=images, logits=logits, probabilities=probabilities, same_label=same)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normalised: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return normalised
