"""Weights of a model in training, without its optimiser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras


def save_bare_weights(model: Any, path: Path) -> None:
    """Write a `.weights.h5` with the layers only.

    Keras writes a compiled model's optimiser into the same file, which for Adam is twice the size
    of the weights again. The file appears under its name only when it is complete.
    """
    # the same layers in a model that was never compiled
    bare = keras.Model(model.inputs, model.outputs)
    unfinished = path.with_name(f"unfinished-{path.name}")
    bare.save_weights(unfinished, overwrite=True)
    unfinished.replace(path)
