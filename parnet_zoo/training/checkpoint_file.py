"""One file that holds a training as it is between two steps, and that tells when it is torn."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.tracking.journal import sync_folder

MAGIC = b"parnet-zoo checkpoint 1\n"
DIGEST_BYTES = hashlib.sha256().digest_size
LONGEST_HEADER = 64 * 1024 * 1024
"""Bytes; names take a few hundred kilobytes, and the metrics of a long training some more."""
UNFINISHED = "unfinished-"
"""How the name of a file begins that is being written."""
DTYPES = frozenset({"float64", "float32", "float16", "int64", "int32", "uint64", "uint32", "bool"})
"""What variables of a training are made of."""


class DamagedCheckpointError(ParnetZooError):
    """A file is no whole checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """A training as it was between two steps.

    Attributes:
        arrays: Values of every variable, by name. To be written, they may be the variables
            themselves, or whatever has `shape` and `dtype` and becomes an array.
        state: All else; what JSON can hold.
    """

    arrays: Mapping[str, Any]
    state: Mapping[str, Any]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint that is on the disk, whole, when this returns.

    The layout is a line of magic, a line of JSON (the state, and name, type and shape of each
    array), the arrays' bytes one after the other, and the SHA-256 of all that. Nothing of it is
    ever unpickled.

    Raises:
        OSError: The disk is full, or fails; nothing of the file is left then.
    """
    arrays = checkpoint.arrays
    described = [[name, str(a.dtype), list(a.shape)] for name, a in arrays.items()]
    header = json.dumps({"state": checkpoint.state, "arrays": described}, allow_nan=True)
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    try:
        with unfinished.open("wb") as file:
            digest = hashlib.sha256()
            for part in (MAGIC, header.encode() + b"\n", *map(_bytes, arrays.values())):
                digest.update(part)
                file.write(part)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what `write_checkpoint` wrote.

    Raises:
        DamagedCheckpointError: It is torn, altered, or something else.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        _check_digest(file, path)
        file.seek(len(MAGIC))
        try:
            header = json.loads(file.readline(LONGEST_HEADER))
            arrays = {name: _array(file, dtype, shape) for name, dtype, shape in header["arrays"]}
            return Checkpoint(arrays, dict(header["state"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedCheckpointError(f"{path} is no checkpoint: {error}") from error


def _check_digest(file: BinaryIO, path: Path) -> None:
    """Read all of it once, before any of it is believed."""
    left = os.fstat(file.fileno()).st_size - DIGEST_BYTES
    if left < len(MAGIC) or file.read(len(MAGIC)) != MAGIC:
        raise DamagedCheckpointError(f"{path} is no checkpoint of this version")
    digest = hashlib.sha256(MAGIC)
    left -= len(MAGIC)
    while left > 0 and (part := file.read(min(left, 1 << 20))):
        digest.update(part)
        left -= len(part)
    if file.read() != digest.digest():
        raise DamagedCheckpointError(f"{path} is torn or altered: its checksum does not fit")


def _array(file: BinaryIO, dtype: str, shape: list[int]) -> NDArray[Any]:
    if dtype not in DTYPES:
        raise ValueError(f"arrays of {dtype!a} are not known")
    kind = np.dtype(dtype).newbyteorder("<")
    count = math.prod(shape)
    left = os.fstat(file.fileno()).st_size - DIGEST_BYTES - file.tell()
    if min(shape, default=0) < 0 or count * kind.itemsize > left:
        raise ValueError(f"there are no arrays of the shape {shape!a:.100} in so few bytes")
    data = file.read(count * kind.itemsize)
    return np.frombuffer(data, kind, count).reshape(shape).astype(dtype, copy=False)


def _bytes(value: Any) -> memoryview | bytes:
    """One at a time, so that a large network is not in memory twice while it is written."""
    array = np.asarray(value)
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data if little.size else b""
