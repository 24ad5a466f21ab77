"""Checkpoints of the blog's Keras port (`.h5`) as Keras models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from parnet_zoo.networks.blog.network import ParNetBlog
from parnet_zoo.networks.blog.spec import BlogScaling, BlogSpec
from parnet_zoo.networks.checkpoints.blog_keys import BlogKeys, Slot
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.keras2_file import open_keras2_file
from parnet_zoo.networks.checkpoints.key_report import KeyReport
from parnet_zoo.networks.checkpoints.printable import printable
from parnet_zoo.networks.hdf5 import StoredArray


def load_blog(path: str | Path, *, name: str = "parnet_blog") -> keras.Model:
    """Load a checkpoint of the blog's code, with its own output; nothing in it is executed.

    Args:
        path: The `.h5` file, of weights or of a whole model.
        name: Of the model.

    Returns:
        A model from pictures (n, h, w, 3), pixels / 255, of the size that the network was trained
        for, to probabilities (n, classes). Its attribute `key_report` says what was matched. To
        train on, fold or convert, take `load_blog_logits`.

    Raises:
        CheckpointError: See `load_blog_logits`.
    """
    trained = load_blog_logits(path, name=name)
    probabilities = layers.Softmax(dtype=trained.dtype, name="head_probabilities")(trained.output)
    model = keras.Model(trained.input, probabilities, name=name)
    model.key_report = trained.key_report
    return model


def load_blog_logits(
    path: str | Path,
    activation: Literal["silu", "relu"] = "silu",
    *,
    num_classes: int | None = None,
    name: str = "parnet_blog",
) -> ParNetBlog:
    """Load a checkpoint of the blog's code as a network giving logits.

    Widths, depths, classes and the size of the images are read off the arrays; images are square.

    Args:
        path: The `.h5` file that Keras 2 wrote, of weights or of a whole model.
        activation: Of every block, which the file does not tell; the blog's is SiLU.
        num_classes: Where it differs from the checkpoint's, a fresh head of that size is made and
            the checkpoint's head left out.
        name: Of the model.

    Returns:
        The network in training form. Its attribute `key_report` says what was matched.

    Raises:
        CheckpointError: The file is broken or hostile, or does not hold exactly such a network; the
            message lists the keys that do not fit. Nothing is half-loaded.
        SpecError: The network would not fit in memory.
    """
    with open_keras2_file(path) as layers_of_file:
        arrays = {
            f"{layer}/{weight}": array
            for layer, weights in layers_of_file.items()
            for weight, array in weights.items()
        }
        keys = BlogKeys({key: array.shape for key, array in arrays.items()})
        scaling = keys.scaling(activation)
        own_head = num_classes in (None, keys.classes)
        slots, report = _compared(arrays, keys, scaling, own_head=own_head)
        values = [(slot, _value(slot.key, arrays[slot.key])) for slot in slots]
    spec = BlogSpec(name="parnet_blog", scaling=scaling)
    model: ParNetBlog = spec.build(num_classes=num_classes or keys.classes, name=name)
    for slot, value in values:
        _variable(model, slot).assign(value)
    model.key_report = report
    return model


def _compared(
    arrays: dict[str, StoredArray], keys: BlogKeys, scaling: BlogScaling, *, own_head: bool
) -> tuple[list[Slot], KeyReport]:
    """Everything that is to be loaded, before a network is built for it."""
    slots = list(keys.slots(scaling, with_head=own_head))
    left_out = () if own_head else keys.head()
    report = KeyReport.of(
        given={key: array.shape for key, array in arrays.items() if key not in left_out},
        wanted={slot.key: slot.shape for slot in slots},
    )
    if not report.complete:
        raise CheckpointError(f"it is not this network: {report}")
    return slots, report


def _value(key: str, array: StoredArray) -> NDArray[Any]:
    value = array.read()
    with np.errstate(over="ignore"):
        fits = np.isfinite(value.astype(np.float32)).all()
    if not fits:
        raise CheckpointError(f"{printable(key)} holds numbers that are not finite")
    return value


def _variable(model: ParNetBlog, slot: Slot) -> Any:
    return getattr(model.get_layer(slot.layer), slot.weight)
