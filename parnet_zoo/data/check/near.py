"""Images that look alike, found among many without comparing each with each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RADIUS = 7
"""Bits in which the hashes of near duplicates differ at most. Two such hashes share at least one of
their eight bytes, so only images with a byte in common are compared."""
_LEAST_CORRELATION = 0.98
_LARGEST_DIFFERENCE = 20.0
_PAIRS_AT_ONCE = 4096
_HASHES_AT_ONCE = 4_000_000
_BYTES = 8

_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def near_duplicates(hashes: NDArray[np.uint64], thumbs: NDArray[np.uint8]) -> list[list[int]]:
    """Group images that look the same.

    Hashes say which might; thumbnails decide, so that images whose hashes agree by chance, as those
    of nearly flat images do, are kept apart.

    Args:
        hashes: Shape (n,), of `perceptual_hash`.
        thumbs: Shape (n, 16, 16, 3), of `thumbnail`.

    Returns:
        The groups of two and more, each ascending, in the order of their first members.
    """
    groups = _Groups(len(hashes))
    leaders = _leaders(hashes, thumbs, groups)
    for first, second in _candidates(hashes[leaders]):
        for start in range(0, len(first), _PAIRS_AT_ONCE):
            some = slice(start, start + _PAIRS_AT_ONCE)
            left, right = leaders[first[some]], leaders[second[some]]
            alike = _alike(thumbs[left], thumbs[right])
            for a, b in zip(left[alike].tolist(), right[alike].tolist(), strict=True):
                groups.join(a, b)
    return groups.several()


class _Groups:
    """Disjoint sets of numbers."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self._parent[high] = low

    def several(self) -> list[list[int]]:
        members: dict[int, list[int]] = {}
        for item in range(len(self._parent)):
            members.setdefault(self.root(item), []).append(item)
        return [group for group in members.values() if len(group) > 1]


def _leaders(
    hashes: NDArray[np.uint64], thumbs: NDArray[np.uint8], groups: _Groups
) -> NDArray[np.int64]:
    """One of each set of images with the same hash and the same look; the others join it.

    A thousand copies would otherwise be half a million pairs.
    """
    leaders: list[int] = []
    order = np.argsort(hashes, kind="stable")
    borders = np.flatnonzero(np.diff(hashes[order])) + 1
    for run in np.split(order, borders):
        rest = run
        while len(rest):
            leader = int(rest[0])
            leaders.append(leader)
            if len(rest) == 1:  # nearly always
                break
            alike = _alike(np.broadcast_to(thumbs[leader], thumbs[rest].shape), thumbs[rest])
            alike[0] = True
            for member in rest[alike].tolist():
                groups.join(leader, member)
            rest = rest[~alike]
    return np.asarray(sorted(leaders), dtype=np.int64)


def _candidates(hashes: NDArray[np.uint64]) -> Iterator[_Pairs]:
    """All pairs of hashes within the radius, each once."""
    parts = hashes[:, None].view(np.uint8)
    for byte in range(_BYTES):
        order = np.argsort(parts[:, byte], kind="stable")
        borders = np.flatnonzero(np.diff(parts[order, byte])) + 1
        for bucket in np.split(order, borders):
            yield from _within(hashes, bucket, byte)


def _within(hashes: NDArray[np.uint64], bucket: NDArray[np.int64], byte: int) -> Iterator[_Pairs]:
    """Pairs of a bucket that are within the radius and were in no earlier byte's bucket."""
    values = hashes[bucket]
    rows = max(1, _HASHES_AT_ONCE // max(1, len(bucket)))
    for start in range(0, len(bucket), rows):
        different = values[start : start + rows, None] ^ values[None, start:]
        near = np.bitwise_count(different) <= RADIUS
        row, column = np.nonzero(np.triu(near, 1))
        found = different[row, column][:, None].view(np.uint8)
        new = found[:, :byte].all(axis=1)
        yield bucket[start + row[new]], bucket[start + column[new]]


def _alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether two thumbnails, (n, 16, 16, 3) each, show the same."""
    a = first.reshape(len(first), -1).astype(np.float32)
    b = second.reshape(len(second), -1).astype(np.float32)
    difference = np.sqrt(((a - b) ** 2).mean(axis=1))
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    strength = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    same = (a * b).sum(axis=1) >= _LEAST_CORRELATION * strength
    alike: NDArray[np.bool_] = same & (difference <= _LARGEST_DIFFERENCE)
    return alike
