"""Hashes that are alike for images that look alike."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

THUMB = 16
"""Height and width in pixels of the thumbnails by which likeness is confirmed."""
_DCT = 32
_KEPT = 8


def thumbnail(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Shrink (h, h, 3) to (size, size, 3) by averaging; h is a multiple of size."""
    block = len(pixels) // size
    blocks = pixels.reshape(size, block, size, block, -1)
    averages: NDArray[np.float64] = blocks.mean(axis=(1, 3))
    return np.rint(averages).astype(np.uint8)


def perceptual_hash(grey: NDArray[np.float64]) -> int:
    """The pHash of an image: which of its 64 lowest frequencies are above their median.

    It hardly changes when an image is resized, compressed anew, or made a little brighter: a few
    bits at most, where unrelated images differ in about 32.

    Args:
        grey: Shape (64, 64), or another multiple of 32.

    Returns:
        64 bits. Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
        Functions", 2010; the constant term, which tells brightness only, is left out.
    """
    block = len(grey) // _DCT
    small = grey.reshape(_DCT, block, _DCT, block).mean(axis=(1, 3))
    waves = _waves()
    frequencies = (waves @ small @ waves.T)[:_KEPT, 1 : _KEPT + 1].ravel()
    bits = frequencies > np.median(frequencies)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@lru_cache(maxsize=1)
def _waves() -> NDArray[np.float64]:
    """The lowest rows of the DCT-II, shape (9, 32)."""
    frequency = np.arange(_KEPT + 1)[:, None]
    place = np.arange(_DCT)[None, :] + 0.5
    waves: NDArray[np.float64] = np.cos(np.pi * frequency * place / _DCT)
    return waves
