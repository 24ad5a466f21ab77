"""Images by number, decoded: from memory, from a file on disk, or anew for each batch."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError
from parnet_zoo.machine_memory import machine_memory

MEMORY_LIMIT = 1_500_000_000
"""Bytes of decoded pixels that cache "auto" keeps in memory at most, and never more than half of
what the machine has free. 10,000 images of 224 pixels are 1.5e9 bytes, of 64 pixels 0.12e9."""
DISK_RESERVE = 2_000_000_000
"""Bytes of the disk that the cache leaves free."""
_CHUNK = 32

Cache = Literal["auto", "memory", "disk", "none"]


@dataclass(frozen=True)
class Unreadable:
    """An image file that could not be decoded, and why, in one sentence."""

    path: Path
    reason: str


class ImageStore:
    """The decoded images of a list of files.

    `batch` may be called from several threads at once. `close`, or leaving the `with` block, gives
    the cache back: dropping the object does not, since TensorFlow holds on to all that ever fed one
    of its datasets.

    Args:
        paths: The files. An image is known by its position here.
        decode: Gives a file's pixels, shape (size, size, 3), uint8, RGB, the same each time;
            raises for a file that is no image. It runs in several threads.
        size: Height and width in pixels.
        cache: Where decoded pixels stay (images x size x size x 3 bytes). "auto": in memory up to
            `MEMORY_LIMIT`, else on disk where there is room, else nowhere.
        directory: Where the file of the disk cache goes. It has no name there, so it is gone with
            the process however that ends.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        decode: Callable[[Path], NDArray[np.uint8]],
        size: int,
        cache: Cache,
        directory: Path,
    ) -> None:
        self.paths = tuple(paths)
        self.size = size
        self.cache = cache
        self._decode = decode
        self._directory = directory
        self._pixels: NDArray[np.uint8] | None = None
        self._prepared = False
        self._failures: dict[int, Unreadable] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(worker_count(), thread_name_prefix="decode")
        self._ok = np.ones(len(self.paths), np.bool_)

    def __len__(self) -> int:
        return len(self.paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the cache; no batch can be had afterwards. May be called twice."""
        self._prepared = False
        self._pixels = None
        self._pool.shutdown(cancel_futures=True)

    @property
    def readable(self) -> NDArray[np.int64]:
        """Numbers of the images that `prepare` could decode, ascending."""
        return np.flatnonzero(self._ok)

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """All failures so far, also of files that broke or vanished after `prepare`; each once."""
        with self._lock:
            return tuple(self._failures[index] for index in sorted(self._failures))

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> tuple[Unreadable, ...]:
        """Decode every file once: into the cache, and to find those that cannot be read.

        It does so with cache "none" too: bad files are better named before a training than in it.
        Afterwards the attribute `cache` says what "auto" became.

        Args:
            progress: Called now and then, in the calling thread, with images done and images in
                all.

        Returns:
            The unreadable files, in the order of `paths`.

        Raises:
            DataError: The cache that was asked for has no room.
        """
        if not self._prepared:
            self._failures.clear()
            self._reserve()
            self._decode_all(progress or (lambda _done, _total: None))
            self._ok[list(self._failures)] = False
            self._prepared = True
        return self.unreadable

    def batch(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Get images by their numbers.

        Args:
            indices: Shape (n,).

        Returns:
            Pixels, shape (n, size, size, 3), uint8, and a mask, shape (n,): False where the file
            could not be decoded; its pixels are zero.
        """
        cached = self._pixels
        if not self._prepared:
            raise RuntimeError("batch() works between prepare() and close()")
        if cached is not None:
            return cached[indices], self._ok[indices]
        pixels = np.zeros((len(indices), self.size, self.size, 3), np.uint8)
        targets = zip(pixels, indices.tolist(), strict=True)
        ok = list(self._pool.map(lambda pair: self._decode_into(*pair), targets))
        return pixels, np.asarray(ok, dtype=np.bool_)

    def _decode_all(self, progress: Callable[[int, int], None]) -> None:
        def decode_some(indices: range) -> int:
            for index in indices:
                row = scratch if self._pixels is None else self._pixels[index]
                self._decode_into(row, index)
            return len(indices)

        total, done = len(self), 0
        # Nobody reads it, so the threads may all write to it.
        scratch = np.empty((self.size, self.size, 3), np.uint8)
        starts = range(0, total, _CHUNK)
        jobs = [
            self._pool.submit(decode_some, range(start, min(start + _CHUNK, total)))
            for start in starts
        ]
        try:
            for job in as_completed(jobs):
                done += job.result()
                progress(done, total)
        except BaseException:
            for job in jobs:
                job.cancel()
            raise

    def _decode_into(self, row: NDArray[np.uint8], index: int) -> bool:
        """Decode one file into `row`, or note why that failed."""
        path = self.paths[index]
        try:
            pixels = self._decode(path)
        except Exception as error:  # whatever a decoder makes of a broken file
            with self._lock:
                self._failures.setdefault(index, Unreadable(path, _sentence(error)))
            return False
        if pixels.shape != row.shape or pixels.dtype != np.uint8:
            raise TypeError(
                f"decode gave {pixels.dtype} {pixels.shape} for {escaped(path)}, not uint8"
                f" {row.shape}"
            )
        row[:] = pixels
        return True

    def _reserve(self) -> None:
        """Settle what "auto" means, and get the room."""
        shape = (len(self), self.size, self.size, 3)
        needed = int(np.prod(shape, dtype=np.int64))
        free = machine_memory().available
        if self.cache == "memory" and needed > free:
            raise DataError(
                f"data.cache: {len(self)} images of {self.size} pixels take {_gb(needed)} in"
                f' memory and {_gb(free)} are free; use "disk" or "auto"'
            )
        if self.cache == "auto" and needed <= min(MEMORY_LIMIT, free // 2):
            self.cache = "memory"
        if self.cache == "memory":
            self._pixels = np.zeros(shape, np.uint8)
        elif self.cache in ("auto", "disk"):
            self._reserve_disk(shape, needed)

    def _reserve_disk(self, shape: tuple[int, ...], needed: int) -> None:
        try:
            self._pixels = _mapped_file(self._directory, shape, needed)
        except OSError as error:
            if self.cache == "disk":
                raise DataError(
                    f"data.cache: {len(self)} images of {self.size} pixels take {_gb(needed)} in"
                    f" {self._directory}: {error.strerror}; make room there, or use a smaller"
                    ' resolution or "none"'
                ) from error
        self.cache = "none" if self._pixels is None else "disk"


def _mapped_file(directory: Path, shape: tuple[int, ...], needed: int) -> NDArray[np.uint8]:
    """An array in a nameless file; raises OSError where the disk has no room for it."""
    directory.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(directory).free < needed + DISK_RESERVE:
        raise OSError(0, f"fewer than {_gb(needed + DISK_RESERVE)} are free on that disk")
    with tempfile.TemporaryFile(dir=directory) as file:
        # A full disk must be an error now: met later, through the map, it would kill the process.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, max(needed, 1))
        # np.memmap wants a size above zero.
        array: NDArray[np.uint8] = np.memmap(file, np.uint8, "r+", shape=(max(needed, 1),))
        return array[:needed].reshape(shape).view(np.ndarray)


def _sentence(error: Exception) -> str:
    """The first line of an error's message, or its kind where it has none."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
