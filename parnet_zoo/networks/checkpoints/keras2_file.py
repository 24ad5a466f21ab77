"""Weights out of an `.h5` that Keras 2 wrote, without Keras and without trusting the file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.open_checkpoint import open_checkpoint
from parnet_zoo.networks.hdf5 import (
    StoredArray,
    hdf5_errors,
    item_of,
    open_hdf5,
    shown,
    stored_array,
)

Layers = dict[str, dict[str, StoredArray]]
"""Layers by name, each with its arrays by what they are: "kernel", "bias", "gamma", ..."""

MOST_ITEMS = 50_000
"""Groups and arrays of a file; the blog's has about 750."""
DEEPEST = 8
NAMES, MODEL = "layer_names", "model_weights"


@contextmanager
def open_keras2_file(path: str | Path) -> Iterator[Layers]:
    """Open what Keras 2 wrote with `save_weights` or `save`; arrays can be read inside the `with`.

    Args:
        path: The `.h5`. Of a whole model, only the weights are looked at.

    Raises:
        CheckpointError: It is missing, of another kind, truncated, or not as Keras 2 writes it.
    """
    with open_checkpoint(Path(path)) as file:
        if file.peek(2).startswith((b"PK", b"\x80")):
            raise CheckpointError("it is no HDF5 file; what PyTorch wrote is read by load_authors")
        with open_hdf5(file) as root:
            yield _layers(root, _size(file))


def _size(file: BufferedReader) -> int:
    return os.fstat(file.fileno()).st_size


def _layers(root: Any, file_size: int) -> Layers:
    with hdf5_errors():
        if NAMES not in root.attrs and root.id.links.exists(MODEL.encode()):
            root = item_of(root, MODEL)
        if NAMES not in root.attrs and f"{NAMES}0" not in root.attrs:
            raise CheckpointError(
                f"Keras 2 did not write it, since it has no list {NAMES}; what Keras 3 writes is"
                " loaded with build(weights=...), without conversion"
            )
        layers = dict(_Walk(root).layers())
    held = sum(array.nbytes for arrays in layers.values() for array in arrays.values())
    if held > file_size:
        raise CheckpointError("its arrays take more room than the file has")
    return layers


class _Walk:
    """Looks at every group below a layer's.

    Keras lists the names of layers and weights too, in attributes. They say the same, and in a
    hostile file they could name one long text many times.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_ITEMS

    def layers(self) -> Iterator[tuple[str, dict[str, StoredArray]]]:
        """Layers that have arrays, with these."""
        for layer in self._root:
            arrays: dict[str, StoredArray] = {}
            for name, array in self._arrays(self._item(self._root, layer), layer, 1):
                # Keras' `conv2d_1/kernel:0`
                weight = re.sub(r":[0-9]+$", "", name)
                if weight in arrays:
                    raise CheckpointError(f"{shown(layer)} has two weights called {shown(weight)}")
                arrays[weight] = array
            if arrays:
                yield str(layer), arrays

    def _arrays(self, item: Any, name: str, depth: int) -> Iterator[tuple[str, StoredArray]]:
        import h5py

        if isinstance(item, h5py.Dataset):
            stored = stored_array(item)
            if stored.kind != "f":
                raise CheckpointError(f"{shown(item.name)} holds other numbers than decimal ones")
            yield name, stored
            return
        if not isinstance(item, h5py.Group) or depth > DEEPEST:
            raise CheckpointError(f"{shown(item.name)} is not as Keras writes it")
        for inner in item:
            yield from self._arrays(self._item(item, inner), inner, depth + 1)

    def _item(self, group: Any, name: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise CheckpointError(f"it has more than {MOST_ITEMS:,} groups and arrays")
        return item_of(group, name)
