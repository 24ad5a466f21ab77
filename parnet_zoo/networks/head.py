"""The last layer of every network that classifies."""

from __future__ import annotations

from typing import Any

from keras import layers


def logits(features: Any, num_classes: int) -> Any:
    """A dense layer on features (n, c), giving (n, num_classes): in float32, or float64 like them.

    In half precision logits lose accuracy in the softmax and are hardly cheaper.
    """
    dtype = "float64" if features.dtype == "float64" else "float32"
    return layers.Dense(num_classes, dtype=dtype, name="head_logits")(features)
