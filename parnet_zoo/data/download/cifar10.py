"""CIFAR-10's binary archive as a folder of PNG files."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.download.member_name import check_member_name
from parnet_zoo.data.download.unpacked import Unpacked
from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
IMAGES = 60_000
SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE
"""Bytes of an image: its class, then all red, all green and all blue pixels, row by row."""
_BATCH = re.compile(r"cifar-10-batches-bin/(?:data_batch_([1-5])|(test)_batch)\.bin")
_BATCHES = {"1", "2", "3", "4", "5", "test"}
_MOST_MEMBERS = 1000
_MOST_HEADER_BYTES = 2**20
_AT_ONCE = 500


def unpack_cifar10(
    archive: Path, folder: Path, *, largest: int, progress: Callable[[int, int], None]
) -> Unpacked:
    """Write `folder/train/CLASS/*.png` and `folder/test/CLASS/*.png`, as the set is split.

    Args:
        archive: The `.tar.gz` of the binary version, in which there is no pickle.
        folder: To write to; empty.
        largest: Bytes that all members together may have.
        progress: Called with images done and images in all.

    Raises:
        DataError: The archive is damaged, hostile or another one.
        OSError: The folder cannot be written.
    """
    result, seen, done = Unpacked(folder), set(), 0
    result.images = {split: dict.fromkeys(CLASSES, 0) for split in ("train", "test")}
    for split in result.images:
        for name in CLASSES:
            (folder / split / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(worker_count(), thread_name_prefix="unpack") as pool:
        for batch, start, records in _records(archive, largest):
            seen.add(batch)
            split = "test" if batch == "test" else "train"
            paths = [
                folder / split / CLASSES[label] / f"{batch}_{start + number:05d}.png"
                for number, label in enumerate(records[:, 0].tolist())
            ]
            list(pool.map(_write, paths, records[:, 1:]))
            for path in paths:
                result.images[split][path.parent.name] += 1
            done += len(paths)
            progress(done, IMAGES)
    if seen != _BATCHES:
        raise DataError(f"{archive.name} lacks some of CIFAR-10's six batches")
    return result


def _write(path: Path, planes: NDArray[np.uint8]) -> None:
    from PIL import Image

    pixels = planes.reshape(3, SIDE, SIDE).transpose(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


_Records = tuple[str, int, NDArray[np.uint8]]


def _records(archive: Path, largest: int) -> Iterator[_Records]:
    """Records of each batch: its name, the number of the first, and (n, `RECORD`) bytes."""
    name, seen = escaped(archive.name), set[str]()
    try:
        with (
            gzip.open(archive) as unzipped,
            tarfile.TarFile(fileobj=_SmallReads(unzipped)) as tar,
        ):
            for info in _members(tar, name, largest):
                found = _BATCH.fullmatch(info.name)
                file = tar.extractfile(info) if found else None
                if found is None or file is None:
                    continue
                batch = found[1] or found[2]
                if batch in seen or info.size % RECORD:
                    raise DataError(f"{name}: {info.name} is damaged")
                seen.add(batch)
                for start in range(0, info.size // RECORD, _AT_ONCE):
                    yield batch, start, _checked(file.read(_AT_ONCE * RECORD), info.name)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise DataError(f"{name} is no .tar.gz archive, or is damaged: {error}") from error


def _members(tar: tarfile.TarFile, name: str, largest: int) -> Iterator[tarfile.TarInfo]:
    """Each member, before its bytes are read; DataError for one that should not be there."""
    total = 0
    for number, info in enumerate(tar):
        check_member_name(info.name, name)
        if not (info.isreg() or info.isdir()) or info.sparse is not None:
            raise DataError(
                f"{name} holds a link or a device, {escaped(info.name)}; nothing of it is used"
            )
        total += max(info.size, 0)
        if total > largest or number >= _MOST_MEMBERS:
            raise DataError(f"{name} unpacks to more than the limit of {largest:,} bytes")
        yield info


def _checked(data: bytes, name: str) -> NDArray[np.uint8]:
    if not data or len(data) % RECORD:
        raise DataError(f"{name} is cut off")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() >= len(CLASSES):
        raise DataError(f"{name} has a class that CIFAR-10 does not have")
    return records


class _SmallReads(io.RawIOBase):
    """A file of which no header can make tarfile read all into memory."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= max(_MOST_HEADER_BYTES, _AT_ONCE * RECORD):
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
