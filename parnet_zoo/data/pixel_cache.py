"""Room for decoded images, in memory or on disk, as much as there may be."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.mapped_file import mapped_file
from parnet_zoo.errors import DataError
from parnet_zoo.machine_memory import machine_memory

MEMORY_LIMIT = 1_500_000_000
"""Bytes of decoded pixels that cache "auto" keeps in memory at most, and never more than half of
what the machine has free. 10,000 images of 224 pixels are 1.5e9 bytes, of 64 pixels 0.12e9."""
DISK_RESERVE = 2_000_000_000
"""Bytes of the disk that the cache leaves free."""

Place = Literal["memory", "disk"]
Cache = Literal["auto", "memory", "disk", "none"]


def open_cache(
    wanted: Cache,
    directory: Path,
    shape: tuple[int, int, int, int],
    *,
    limit: float | None = None,
    share: float = 1.0,
) -> tuple[Cache, NDArray[np.uint8]]:
    """Get room for as many images as fit.

    Args:
        wanted: "auto" is memory where all images fit, else the disk where all fit, else the larger
            of both.
        directory: Where the file of a disk cache goes. It has no name there, so it is gone with the
            process however that ends.
        shape: Of all images: number, height, width, 3.
        limit: Bytes that the cache takes at most, whatever it is. None leaves it to the machine:
            all images for "memory" and "disk"; for "auto" `MEMORY_LIMIT` in memory, and on disk
            what is free but for `DISK_RESERVE`.
        share: The part of `limit`, or of `MEMORY_LIMIT`, that may be taken.

    Returns:
        What it became, and zeroed room, uint8, for the first so many of the images.

    Raises:
        DataError: The cache that was asked for by name has no room.
    """
    if not (limit is None or limit > 0) or not 0 < share <= 1:
        raise ValueError(f"limit must be above 0 and share in (0, 1], not {limit} and {share}")
    return _Room(directory, shape, None if limit is None else limit * share, share).open(wanted)


@dataclass(frozen=True)
class _Room:
    directory: Path
    shape: tuple[int, int, int, int]
    limit: float | None
    share: float

    def open(self, wanted: Cache) -> tuple[Cache, NDArray[np.uint8]]:
        for place, count in self._choices(wanted):
            if wanted == "memory":
                self._check_memory(count)
            try:
                return place, self._opened(place, count)
            # What was free may be gone when it is asked for.
            except (OSError, MemoryError) as error:
                if wanted != "auto":
                    raise self._no_room(place, count, error) from error
        return "none", np.zeros((0, *self.shape[1:]), np.uint8)

    def _choices(self, wanted: Cache) -> Iterator[tuple[Place, int]]:
        """Where the cache may be, best first, and for how many images."""
        if wanted in ("memory", "disk"):
            yield wanted, self._fitting(math.inf)
        elif wanted == "auto":
            memory = self._fitting(self._free_memory())
            if memory == self.shape[0]:
                yield "memory", memory
            choices: list[tuple[Place, int]]
            choices = [("memory", memory), ("disk", self._fitting(self._free_disk()))]
            choices.sort(key=lambda choice: choice[1], reverse=True)
            yield from (choice for choice in choices if choice[1])

    def _fitting(self, room: float) -> int:
        """How many images fit into so many bytes, and into the limit."""
        room = room if self.limit is None else min(room, self.limit)
        return self.shape[0] if math.isinf(room) else min(self.shape[0], int(room // self._each))

    def _free_memory(self) -> float:
        free = machine_memory().available / 2
        return free if self.limit is not None else min(free, MEMORY_LIMIT * self.share)

    def _free_disk(self) -> float:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            return max(0, shutil.disk_usage(self.directory).free - DISK_RESERVE)
        except OSError:
            return 0

    def _opened(self, place: Place, count: int) -> NDArray[np.uint8]:
        shape = (count, *self.shape[1:])
        if place == "memory":
            return np.zeros(shape, np.uint8)
        return mapped_file(self.directory, shape, reserve=DISK_RESERVE)

    def _check_memory(self, count: int) -> None:
        free = machine_memory().available
        if count * self._each > free:
            raise DataError(
                f"{self._needs(count)} in memory and {_gb(free)} are free; set data.cache_gb, or"
                ' use "disk" or "auto"'
            )

    def _no_room(self, place: Place, count: int, error: OSError | MemoryError) -> DataError:
        where = "in memory" if place == "memory" else f"in {self.directory}"
        reason = error.strerror if isinstance(error, OSError) else "there is not enough"
        return DataError(
            f"{self._needs(count)} {where}: {reason}; make room there, set data.cache_gb, or use a"
            ' smaller resolution, "auto" or "none"'
        )

    def _needs(self, count: int) -> str:
        size = self.shape[1]
        return f"data.cache: {count} images of {size} pixels take {_gb(count * self._each)}"

    @property
    def _each(self) -> int:
        """Bytes of one image."""
        return math.prod(self.shape[1:])


def _gb(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
