"""Images by number, decoded: from memory, from a file on disk, or anew for each batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.data.pixel_cache import Cache, open_cache

_CHUNK = 32

__all__ = ["Cache", "ImageStore", "Unreadable"]


@dataclass(frozen=True)
class Unreadable:
    """An image file that could not be decoded, and why, in one sentence."""

    path: ImageFile
    reason: str


class ImageStore:
    """The decoded images of a list of files.

    `batch` may be called from several threads at once. `close`, or leaving the `with` block, gives
    the cache back: dropping the object does not, since TensorFlow holds on to all that ever fed one
    of its datasets.

    Args:
        paths: The files, which may be members of an archive. An image is known by its position
            here.
        decode: Gives a file's pixels, shape (size, size, 3), uint8, RGB, the same each time, from
            its path or, for a member of an archive, from its bytes; raises for what is no image. It
            runs in several threads.
        size: Height and width in pixels.
        cache: Where decoded pixels stay; see `open_cache`.
        directory: Where the file of the disk cache goes.
        limit: Bytes that the cache takes at most; see `open_cache`.
        share: The part of `limit`, or of what "auto" takes of the memory without one, that this
            store may have, where several stores of one run share it.

    Attributes:
        cache: As it was given; after `prepare`, what "auto" became.
        cached: After `prepare`, how many images are cached: the first ones.
    """

    def __init__(
        self,
        paths: Sequence[ImageFile],
        *,
        decode: Callable[[Path | bytes], NDArray[np.uint8]],
        size: int,
        cache: Cache,
        directory: Path,
        limit: float | None = None,
        share: float = 1.0,
    ) -> None:
        self.paths = tuple(paths)
        self.size = size
        self.cache = cache
        self.cached = 0
        self._open_cache = partial(open_cache, cache, directory, limit=limit, share=share)
        self._decode = decode
        self._pixels = np.zeros((0, size, size, 3), np.uint8)
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
        self._drop()
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
        Afterwards the attributes `cache` and `cached` say what "auto" became, and for how many.

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
            self._drop()
            self.cache, self._pixels = self._open_cache((len(self), *self._pixels.shape[1:]))
            self.cached = len(self._pixels)
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
        cache = self._pixels
        if not self._prepared:
            raise RuntimeError("batch() works between prepare() and close()")
        if len(cache) == len(self):
            return cache[indices], self._ok[indices]
        held = indices < len(cache)
        pixels = np.zeros((len(indices), self.size, self.size, 3), np.uint8)
        pixels[held] = cache[indices[held]]
        ok = self._ok[indices]
        others = np.flatnonzero(~held)
        ok[others] = list(
            self._pool.map(lambda row: self._decode_into(pixels[row], int(indices[row])), others)
        )
        return pixels, ok

    def _drop(self) -> None:
        self._pixels = self._pixels[:0].copy()
        self.cached = 0

    def _decode_all(self, progress: Callable[[int, int], None]) -> None:
        def decode_some(indices: range) -> int:
            for index in indices:
                row = cache[index] if index < len(cache) else scratch
                self._decode_into(row, index)
            return len(indices)

        total, done, cache = len(self), 0, self._pixels
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
            pixels = self._decode(encoded(path))
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


def _sentence(error: Exception) -> str:
    """The first line of an error's message, or its kind where it has none."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
