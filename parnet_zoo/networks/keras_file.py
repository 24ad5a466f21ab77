"""Weights out of a file that Keras 3 wrote, without Keras and without trusting the file.

Only numbers are read. A `.keras` archive also holds a description of its model, from which Keras
would make objects; nobody looks at it here.
"""

from __future__ import annotations

import hashlib
import io
import re
import shlex
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.open_checkpoint import open_checkpoint
from parnet_zoo.networks.hdf5 import (
    StoredArray,
    hdf5_errors,
    is_array,
    is_group,
    item_of,
    open_hdf5,
    short_text,
    shown,
    stored_array,
)

LayerKey = tuple[str, ...]
"""Names from the outermost layer to the one that has the weights."""

SUFFIXES = (".weights.h5", ".keras")
ARCHIVED = "model.weights.h5"
"""Where Keras puts the weights in a `.keras` archive."""
MOST_GROUPS = 50_000
"""Groups of a file; a ParNet's has about 1,500."""
DEEPEST = 32
_OPTIMIZER = "optimizer"
_VARIABLES = "vars"
_ADDRESS = re.compile(r"(runs|models):/")
"""How MLflow's addresses begin."""


@dataclass(frozen=True)
class KerasFile:
    """An open file.

    Attributes:
        name: Of the file, for messages.
        sha256: Of its bytes, in hexadecimal.
        layers: Every layer that has weights, with its arrays by Keras' names for them, "0", "1"...
    """

    name: str
    sha256: str
    layers: dict[LayerKey, dict[str, StoredArray]]


@contextmanager
def open_keras_file(path: str | Path) -> Iterator[KerasFile]:
    """Open a `.weights.h5` or a `.keras`; its arrays can be read until the `with` is left.

    Args:
        path: A local file as Keras 3 writes it, with or without an optimiser's state.

    Raises:
        CheckpointError: It is missing, of another kind, truncated, or not as Keras writes it.
    """
    path = Path(path)
    _check_name(path)
    with open_checkpoint(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        with open_hdf5(_weights_of(file, path)) as root:
            yield KerasFile(path.name, digest, dict(_Walk(root).layers()))


def layer_part(place: str, name: str) -> str:
    """What identifies a layer among those beside it.

    Keras' file has each layer's name, and its place: `conv2d_3` for the fourth Conv2D. Names that a
    network gives are kept from one process to the next, but a name that Keras made up counts the
    layers that were made before, of any network; there the place is what stays.

    Args:
        place: e.g. `conv2d_3`.
        name: e.g. `stem_0_dense_conv`, or the made-up `conv2d_17`.
    """
    kind = re.sub(r"_\d+$", "", place)
    return place if re.fullmatch(rf"{re.escape(kind)}(_\d+)?", name) else name


def _check_name(path: Path) -> None:
    name = path.name.lower()
    if _ADDRESS.match(path.as_posix()) and not _is_there(path):
        raise CheckpointError(
            f"{path.as_posix()}: a network takes a local file;"
            " parnet_zoo.tracking.weights_file.weights_file(uri, folder) gives one"
        )
    if name.endswith(SUFFIXES) or not _is_there(path):  # what is not there is told by who opens it
        return
    if name.endswith((".h5", ".hdf5", ".pth", ".pth.tar", ".pt", ".tar")):
        target = path.with_name((path.name.partition(".")[0] or "converted") + ".keras")
        command = shlex.join(["parnet-zoo", "backbones", "convert", str(path), "--to", str(target)])
        raise CheckpointError(
            f"{path}: a checkpoint of PyTorch or of an older Keras is converted first, with"
            f" `{command}`"
        )
    raise CheckpointError(f"{path}: a file of weights ends in {' or '.join(SUFFIXES)}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _weights_of(file: BinaryIO, path: Path) -> BinaryIO:
    """The HDF5 file: the file itself, or the member of the archive."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not path.name.lower().endswith(".keras"):
        return file
    with hdf5_errors(), zipfile.ZipFile(file) as archive:
        if ARCHIVED not in archive.namelist():
            raise CheckpointError(f"it has no part {ARCHIVED}; Keras 3 writes one")
        info = archive.getinfo(ARCHIVED)
        # Keras never compresses, and what is compressed could unpack to any size.
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
            raise CheckpointError(f"its part {ARCHIVED} is compressed or larger than the file")
        return io.BytesIO(archive.read(info))


class _Walk:
    """Looks at every group once, and opens nothing that lies outside the file."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_GROUPS

    def layers(self) -> Iterator[tuple[LayerKey, dict[str, StoredArray]]]:
        """Layers that have arrays, each key once."""
        with hdf5_errors():
            if "layer_names" in self._root.attrs or "model_config" in self._root.attrs:
                raise CheckpointError(
                    "an older Keras wrote it; use `parnet-zoo backbones convert` first"
                )
            found: dict[LayerKey, dict[str, StoredArray]] = {}
            for key, arrays in self._below(self._root, (), 0):
                if arrays and key in found:
                    raise CheckpointError(f"it has two layers called {'/'.join(key)}")
                if arrays:
                    found[key] = arrays
            if not found:
                raise CheckpointError("it holds no weights as Keras 3 writes them")
        yield from found.items()

    def _below(
        self, group: Any, key: LayerKey, depth: int
    ) -> Iterator[tuple[LayerKey, dict[str, StoredArray]]]:
        if depth > DEEPEST:
            raise CheckpointError(f"its groups are nested more than {DEEPEST} deep")
        places = list(group)
        if _VARIABLES in places:
            yield key, self._arrays(self._inner(group, _VARIABLES))
        for place in places:
            if place == _VARIABLES or (depth == 0 and place == _OPTIMIZER):
                continue
            inner = self._inner(group, place)
            if not is_group(inner):
                raise CheckpointError(f"{shown(place)} is not where Keras keeps an array")
            name = self._name(inner)
            part = () if name is None else (layer_part(place, name),)
            yield from self._below(inner, (*key, *part), depth + 1)

    def _inner(self, group: Any, place: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise CheckpointError(f"it has more than {MOST_GROUPS} groups and arrays")
        return item_of(group, place)

    def _name(self, group: Any) -> str | None:
        """The layer's own name; None for a group that only holds layers."""
        if _VARIABLES not in group:
            return None
        name = short_text(self._inner(group, _VARIABLES), "name")
        if name is None:
            raise CheckpointError("its layers have no names; save it with Keras 3.13 or newer")
        return name

    def _arrays(self, group: Any) -> dict[str, StoredArray]:
        arrays = {}
        for place in group:
            array = self._inner(group, place)
            if not is_array(array):
                raise CheckpointError(f"{shown(array.name)} is no array")
            arrays[str(place)] = stored_array(array)
        return arrays
