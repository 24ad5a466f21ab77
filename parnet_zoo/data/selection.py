"""Seeded choices among image files that depend on nothing but the seed and their relative paths."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from parnet_zoo.data.listing import FoundImage


def choose(images: Sequence[FoundImage], count: int, *, seed: int, purpose: str) -> set[str]:
    """Choose `count` images at random, by seed.

    Each image has a place in a queue that is the hash of seed, purpose and relative path, so the
    choice is the same on every file system and at every location of the root, and an image that is
    added or removed moves at most one other image in or out.

    Args:
        images: What to choose from.
        count: How many; all of them where there are fewer.
        seed: Any integer.
        purpose: Makes choices for different ends independent of each other.

    Returns:
        The relative paths of the chosen images.
    """
    prefix = f"{seed}\0{purpose}\0".encode()

    def place(image: FoundImage) -> bytes:
        return hashlib.sha256(prefix + os.fsencode(image.relative)).digest()

    return {image.relative for image in sorted(images, key=place)[:count]}
