"""Weights of a trained network into a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from parnet_zoo.networks.channel_adaption import adapt_channels
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.hdf5 import StoredArray
from parnet_zoo.networks.keras_file import KerasFile, LayerKey, layer_part, open_keras_file
from parnet_zoo.networks.weights_report import LayerNote, WeightsReport

HEAD = "head"
SHOWN = 3
MOST_CHANNELS = 64
KERNEL, MATRIX = 4, 2
CHANNEL_AXIS = 2

Arrays = dict[str, NDArray[Any]]


def load_weights(model: Any, path: str | Path) -> WeightsReport:
    """Fill a network with the weights of a file, all of it or nothing.

    Layers are matched by name. The classifier may differ: a head of another size is left out, and a
    file or a network without one will do. The convolutions that read the image are carried over to
    other input channels, by the rule of `adapt_channels`. Everything else must have equal shapes.

    Args:
        model: A built Keras network of any family.
        path: `.weights.h5` or `.keras`, as Keras 3 writes them. Nothing but numbers is read from
            it: the description of a model in a `.keras` file is ignored.

    Returns:
        What was loaded, also kept as `model.weights_report`.

    Raises:
        CheckpointError: The file is missing, broken or hostile, or is of another network; the
            message names the first layers that differ. The network is as it was.
    """
    with open_keras_file(path) as file:
        matching = _Matching(model, file)
        values = [(layer, matching.values(key)) for key, layer in matching.matched()]
    for layer, arrays in values:
        layer.load_own_variables(arrays)
    report = WeightsReport(
        path=Path(path),
        sha256=file.sha256,
        loaded=tuple(map(_joined, matching.fitting)),
        left_out=tuple(matching.left_out),
        adapted=tuple(matching.adapted),
    )
    model.weights_report = report
    return report


@dataclass
class _Matching:
    """The layers of a network beside those of a file.

    Attributes:
        fitting: Keys of the layers to load.
        left_out: Of the head.
        adapted: Of the layers that read the image.
        differing: What speaks against this file.
    """

    model: Any
    file: KerasFile
    fitting: list[LayerKey] = field(default_factory=list)
    left_out: list[LayerNote] = field(default_factory=list)
    adapted: list[LayerNote] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Compare."""
        self._layers = dict(_layers(self.model))
        self._variables = {key: _variables(layer) for key, layer in self._layers.items()}
        self._heads = _heads(self.model, self._layers)
        self._readers = _image_readers(self.model)
        for key in self._layers:
            self._compare(key)
        for key, arrays in self.file.layers.items():
            if key not in self._layers:
                self._note_extra(key, arrays)
        if self.differing:
            raise CheckpointError(self._refusal())

    def matched(self) -> Iterator[tuple[LayerKey, Any]]:
        """The layers to load."""
        yield from ((key, self._layers[key]) for key in self.fitting)

    def values(self, key: LayerKey) -> Arrays:
        """A layer's numbers, as its variables take them."""
        return {
            place: self._value(key, variable, self.file.layers[key][place])
            for place, variable in self._variables[key].items()
        }

    def _compare(self, key: LayerKey) -> None:
        stored = self.file.layers.get(key)
        mine = {place: tuple(var.shape) for place, var in self._variables[key].items()}
        theirs = {place: array.shape for place, array in (stored or {}).items()}
        if mine == theirs:
            self.fitting.append(key)
        elif id(self._layers[key]) in self._readers and _differ_in_channels(mine, theirs):
            self.fitting.append(key)
            old, new = (shapes["0"][CHANNEL_AXIS] for shapes in (theirs, mine))
            self.adapted.append(LayerNote(layer=_joined(key), note=f"{old} to {new} channels"))
        elif key in self._heads:
            note = "the file has none" if stored is None else _difference(mine, theirs)
            self.left_out.append(LayerNote(layer=_joined(key), note=note))
        elif stored is None:
            self.differing.append(f"{_joined(key)} is missing in the file")
        else:
            self.differing.append(f"{_joined(key)} has {_difference(mine, theirs)}")

    def _note_extra(self, key: LayerKey, arrays: dict[str, StoredArray]) -> None:
        ranks = [len(arrays[place].shape) for place in sorted(arrays)]
        if _is_head(key) or ranks in ([MATRIX], [MATRIX, 1]):
            note = "this network has none"
            self.left_out.append(LayerNote(layer=_joined(key), note=note))
        else:
            self.differing.append(f"{_joined(key)} is only in the file")

    def _refusal(self) -> str:
        first = ", ".join(self.differing[:SHOWN])
        more = len(self.differing) - SHOWN
        others = f"; layers that differ besides: {more}" if more > 0 else ""
        return f"these are not the weights of {self.model.name}: {first}{others}"

    def _value(self, key: LayerKey, variable: Any, stored: StoredArray) -> NDArray[Any]:
        dtype = np.dtype(keras.backend.standardize_dtype(variable.dtype))
        if stored.kind != ("f" if "float" in dtype.name else dtype.kind):
            raise CheckpointError(f"{_joined(key)} holds another kind of numbers than {dtype}")
        value = stored.read()
        if value.shape != tuple(variable.shape):
            value = adapt_channels(value.astype(np.float64), variable.shape[CHANNEL_AXIS])
        with np.errstate(over="ignore"):
            value = value.astype(dtype)
        if not np.isfinite(value).all():
            raise CheckpointError(f"{_joined(key)} holds numbers that are not finite")
        return value


def _layers(parent: Any, key: LayerKey = ()) -> Iterator[tuple[LayerKey, Any]]:
    """Every layer that has variables of its own, with the key that a file has for it."""
    if _variables(parent):
        yield key, parent
    counts: dict[str, int] = {}
    for layer in parent._flatten_layers(include_self=False, recursive=False):
        kind = _snake_case(type(layer).__name__)
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        inner = (*key, layer_part(f"{kind}_{number}" if number else kind, layer.name))
        yield from _layers(layer, inner)


def _snake_case(name: str) -> str:
    """Keras' rule for the names that it makes up: `Conv2D` is `conv2d`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _variables(layer: Any) -> dict[str, Any]:
    """A layer's own variables by the names that Keras saves them under."""
    variables: dict[str, Any] = {}
    layer.save_own_variables(variables)
    return variables


def _heads(model: Any, layers: dict[LayerKey, Any]) -> set[LayerKey]:
    """The classifier: by name, or else the last layer, where it gives the model's output."""
    named = {key for key in layers if _is_head(key)}
    if named or not layers:
        return named
    last = list(layers)[-1]
    shape = getattr(model, "output_shape", None)
    classifies = isinstance(shape, tuple) and len(shape) == MATRIX
    return {last} if classifies and isinstance(layers[last], keras.layers.Dense) else set()


def _is_head(key: LayerKey) -> bool:
    return bool(key) and (key[-1] == HEAD or key[-1].startswith(f"{HEAD}_"))


def _image_readers(model: Any) -> set[int]:
    """Identities of the layers that read the image before any other with weights does."""
    images = {id(image) for image in getattr(model, "inputs", None) or ()}
    readers: set[int] = set()
    for operation in getattr(model, "operations", ()):
        for node in operation._inbound_nodes:
            if not images.intersection(map(id, node.input_tensors)):
                continue
            if getattr(operation, "weights", None):
                readers.add(id(operation))
            else:
                images.update(map(id, node.output_tensors))
    return readers


def _differ_in_channels(mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether kernels of a convolution, with or without bias, differ in their input channels."""
    if mine.keys() != theirs.keys() or len(mine.get("0", ())) != KERNEL:
        return False
    a, b = mine["0"], theirs["0"]
    return (
        len(b) == KERNEL
        and a[:CHANNEL_AXIS] + a[CHANNEL_AXIS + 1 :] == b[:CHANNEL_AXIS] + b[CHANNEL_AXIS + 1 :]
        and 1 <= b[CHANNEL_AXIS] <= MOST_CHANNELS
        and all(mine[place] == theirs[place] for place in mine if place != "0")
    )


def _difference(mine: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What the file has instead, by the first array that differs."""
    for place in sorted({*mine, *theirs}):
        a, b = mine.get(place), theirs.get(place)
        if a == b:
            continue
        if a and b and len(a) == len(b) == MATRIX and a[0] == b[0]:
            return f"{b[1]} classes in the file, {a[1]} here"
        return f"{_shape(b)} in the file, {_shape(a)} here"
    return "the same"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else f"({', '.join(map(str, shape))})"


def _joined(key: LayerKey) -> str:
    return ascii("/".join(key))[1:-1]
