"""Tensors out of a PyTorch file, without PyTorch and without trusting the file.

Such a file is a zip archive: `data.pkl` describes the objects, and each tensor's numbers lie in a
member of their own. A pickle is a program; this reader runs one that can make nothing but dicts,
lists, strings, numbers, tensors, and the attribute bags that argparse leaves behind. Whatever else
the file names is refused before it is imported. A pickle can also set attributes on whatever it is
given, so everything it may name is made anew for each file. And it can name one thing many times:
what would copy it each time is counted, or does not copy.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.machine_memory import machine_memory
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.networks.checkpoints.open_checkpoint import open_checkpoint
from parnet_zoo.networks.checkpoints.printable import printable
from parnet_zoo.networks.hdf5 import SIGNATURE
from parnet_zoo.networks.keras_file import ARCHIVED

LARGEST_PICKLE = 16 * 2**20
"""Bytes of the description; ParNet's has about 60,000."""
LARGEST_FILE = 16 * 2**30
MOST_TENSORS, SPARE_TENSORS = 4, 64 * 2**20
"""All tensors together may take so many times the file's bytes, and so many more: weights that are
shared are named twice, but not thousands of times."""
MOST_DIMENSIONS = 64
MOST_TUPLES = 20_000
"""ParNet's description has about 1,400. They may lie in each other, and to look such a key up
Python goes down into all of them at once, until its stack is used up and the process ends."""
MOST_MEMORISED = 10**6
"""ParNet's description has about 4,000. Python makes room for as many as the largest number that a
description gives to one."""

_DTYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


# What Python's zipfile raises for a damaged archive, besides its own error.
_DAMAGED = (
    ValueError,
    RuntimeError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


class _Storage(NamedTuple):
    """A flat run of numbers in the file."""

    numbers: NDArray[Any]


def read_torch_file(path: str | Path) -> Any:
    """Read what `torch.save` wrote: nested plain values with NumPy arrays for tensors.

    Args:
        path: A file in PyTorch's zip format (any release since 1.6).

    Returns:
        The saved object.

    Raises:
        CheckpointError: The file is missing, truncated, of another format, names anything but
            tensors and plain values, or its tensors take far more memory than the file.
    """
    try:
        with open_checkpoint(Path(path)) as file:
            if file.peek(len(SIGNATURE)).startswith(SIGNATURE):
                raise CheckpointError("it is an HDF5 file of Keras; load_blog reads the blog's")
            size = os.fstat(file.fileno()).st_size
            _check_memory(size)
            with zipfile.ZipFile(file) as archive:
                return _Reader(archive, size).read()
    except zipfile.BadZipFile:
        raise CheckpointError(
            f"{path} is no PyTorch checkpoint, or is truncated; files from before PyTorch 1.6 must"
            " be saved again with a newer one"
        ) from None
    except _DAMAGED as error:
        reason = printable(" ".join(str(error).split()))
        raise CheckpointError(f"{path} is damaged: {reason}") from error


def _check_memory(size: int) -> None:
    """The parts of the file and the tensors made of them are in memory together."""
    memory = machine_memory()
    if 2 * size > memory.reachable:
        raise CheckpointError(
            f"reading it takes about {2 * size / 1e9:,.1f} GB of memory, of which"
            f" {memory.owner} has {memory.available / 1e9:,.1f} GB left"
        )


class _Reader:
    """One archive."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._size = size
        self._members = {PurePosixPath(info.filename): info for info in archive.infolist()}
        self._root = self._find_root()
        self._parts: dict[str, bytes] = {}
        self._unread = size

    def read(self) -> Any:
        self._check_byte_order()
        description = self._bytes("data.pkl", LARGEST_PICKLE)
        try:
            _check_program(description)
            names = _names(MOST_TENSORS * self._size + SPARE_TENSORS)
            return _Unpickler(io.BytesIO(description), self._storage, names).load()
        except CheckpointError:
            raise
        except Exception as error:  # a broken pickle can fail in any way
            raise CheckpointError(
                f"its description cannot be read ({type(error).__name__}:"
                f" {printable(' '.join(str(error).split()))})"
            ) from error

    def _find_root(self) -> PurePosixPath:
        roots = [path.parent for path in self._members if path.name == "data.pkl"]
        if not roots and PurePosixPath(ARCHIVED) in self._members:
            raise CheckpointError(
                "it is a file of Keras 3 already; give it to --weights, or to build(weights=...)"
            )
        if len(roots) != 1:
            raise CheckpointError("it is a zip archive, but not one that torch.save wrote")
        return roots[0]

    def _check_byte_order(self) -> None:
        if self._root / "byteorder" in self._members:
            order = self._bytes("byteorder", 16)
            if order != b"little":
                raise CheckpointError(
                    f"its numbers are in byte order {order!r}; only little is supported"
                )

    def _bytes(self, name: str, largest: int) -> bytes:
        info = self._members.get(self._root / name)
        if info is None:
            raise CheckpointError(f"its part {name} is missing; the file is damaged")
        # torch.save never compresses, and a compressed part could unpack to any size
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > largest:
            raise CheckpointError(f"its part {name} is compressed or too large")
        try:
            return self._archive.read(info)
        except (zipfile.BadZipFile, EOFError) as error:
            raise CheckpointError(f"its part {name} is damaged: {error}") from error

    def _storage(self, identity: Any) -> _Storage:
        """The numbers that a pickle's persistent id stands for."""
        match identity:
            case ("storage", str(kind), str(key), _, int(count)) if kind in _DTYPES:
                pass
            case _:
                shown = printable(" ".join(str(identity).split()))
                raise CheckpointError(f"{shown} is no storage of numbers")
        part = PurePosixPath(key).name
        if part not in self._parts:
            self._parts[part] = self._bytes(f"data/{part}", LARGEST_FILE)
            self._unread -= len(self._parts[part])
            # Of a hostile archive, many members may lie in the same place.
            if self._unread < 0:
                raise CheckpointError("its parts hold more than the file")
        dtype = np.dtype(_DTYPES[kind]).newbyteorder("<")
        if len(self._parts[part]) != count * dtype.itemsize:
            raise CheckpointError(
                f"storage {printable(key)} does not have the {count} numbers it should"
            )
        return _Storage(np.frombuffer(self._parts[part], dtype))


def _check_program(description: bytes) -> None:
    """Refuse what would bring Python's unpickler down before it gets to any of our checks."""
    tuples = 0
    for opcode, argument, _ in pickletools.genops(description):
        tuples += opcode.name.startswith("TUPLE")
        memorised = int(argument or 0) if opcode.name.endswith("PUT") else 0
        if tuples > MOST_TUPLES or not 0 <= memorised <= MOST_MEMORISED:
            raise CheckpointError("its description asks for far more than a network needs")


class _Unpickler(pickle.Unpickler):
    """Knows the names that a checkpoint of tensors needs, and refuses all others."""

    def __init__(
        self, file: io.BytesIO, storage: Callable[[Any], _Storage], names: Mapping[str, Any]
    ) -> None:
        super().__init__(file)
        self._storage = storage
        self._names = names

    def persistent_load(self, pid: Any) -> _Storage:
        return self._storage(pid)

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return name
        full_name = f"{module}.{name}"
        if full_name not in self._names:
            raise CheckpointError(
                f"it wants to import {printable(full_name)}, which is no tensor and no plain value;"
                " nothing of it was run"
            )
        return self._names[full_name]


def _names(most_bytes: int) -> dict[str, Any]:
    """What a file may name, made for this one file.

    Args:
        most_bytes: Of all its tensors together.
    """
    left = most_bytes

    class Namespace:
        """Stands for argparse.Namespace: attributes, and nothing that runs."""

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__ = state  # not a copy, of which a pickle could ask for millions

    class Ordered(OrderedDict[Any, Any]):
        """An OrderedDict that begins empty, without what torch notes about its own versions."""

        def __init__(self) -> None:
            super().__init__()

        def __setstate__(self, state: Any) -> None: ...

    def size(dimensions: Any) -> tuple[Any, ...]:
        if len(dimensions) > MOST_DIMENSIONS:
            raise CheckpointError(f"a tensor has at most {MOST_DIMENSIONS} dimensions")
        return tuple(dimensions)

    def tensor(*description: Any) -> NDArray[Any]:
        nonlocal left
        view = _view(*description)
        left -= view.nbytes
        if left < 0:
            raise CheckpointError(
                f"its tensors take more than {most_bytes / 1e6:,.0f} MB together, far more than the"
                " file holds"
            )
        return view.astype(view.dtype.newbyteorder("="))

    def parameter(data: Any, *_gradient_and_hooks: Any) -> Any:
        return data

    return {
        "collections.OrderedDict": Ordered,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": parameter,
        "torch.Size": size,
        "argparse.Namespace": Namespace,
    }


def _view(
    storage: Any, offset: Any, size: Any, stride: Any, *_gradient_and_hooks: Any
) -> NDArray[Any]:
    """A tensor's numbers; its view must lie inside its storage and not repeat numbers."""
    size, stride = tuple(map(int, size)), tuple(map(int, stride))
    if not isinstance(storage, _Storage) or len(size) != len(stride):
        raise CheckpointError("a tensor is described wrongly")
    count = math.prod(size)
    reach = sum((side - 1) * step for side, step in zip(size, stride, strict=True)) + 1
    inside = int(offset) >= 0 and (not count or int(offset) + reach <= len(storage.numbers))
    if min((*size, *stride), default=0) < 0 or count > len(storage.numbers) or not inside:
        raise CheckpointError("a tensor reaches beyond its numbers")
    flat = storage.numbers[int(offset) :]
    bytes_apart = [step * flat.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(flat, size, bytes_apart, writeable=False)
