"""What is done to pictures to see how much of it a network bears.

All of it is done to the network's own input, uint8 pixels of shape (size, size, 3), after decoding
and resizing. The result is rounded to whole grey levels and clipped to 0..255. Each is a function
of the pixels, the strength and a seed alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_Pixels = NDArray[np.uint8]
_BLUR_REACH = 4.0
"""Standard deviations after which the Gaussian is cut off."""


@dataclass(frozen=True)
class Corruption:
    """One kind of damage at one strength.

    Attributes:
        kind: "blur", "noise", "jpeg" or "brightness".
        strength: In the kind's unit.
        unit: What the strength is.
    """

    kind: str
    strength: float
    unit: str

    def __str__(self) -> str:
        return f"{self.kind} {self.strength:g}"

    def __call__(self, pixels: _Pixels, seed: int = 0) -> _Pixels:
        """Damage a picture.

        Args:
            pixels: Shape (size, size, 3).
            seed: Of the noise, with the picture itself: equal pictures get equal noise, wherever
                they stand in a set.

        Returns:
            The same shape.
        """
        return _KINDS[self.kind](pixels, self.strength, seed)


def _blur(pixels: _Pixels, sigma: float, _seed: int) -> _Pixels:
    """Convolve with a Gaussian of standard deviation sigma, pixels; borders are repeated."""
    weights = _gaussian(pixels.shape[0], sigma)
    blurred = np.einsum(
        "ij,jkc,lk->ilc", weights, pixels.astype(np.float32), weights, optimize=True
    )
    return _rounded(blurred)


@cache
def _gaussian(size: int, sigma: float) -> NDArray[np.float32]:
    """The convolution along one side as a matrix, (size, size)."""
    reach = int(np.ceil(_BLUR_REACH * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    matrix = np.zeros((size, size))
    rows = np.repeat(np.arange(size), len(offsets))
    columns = np.clip(rows + np.tile(offsets, size), 0, size - 1)
    np.add.at(matrix, (rows, columns), np.tile(kernel, size))
    return matrix.astype(np.float32)


def _noise(pixels: _Pixels, deviation: float, seed: int) -> _Pixels:
    """Add independent Gaussian noise to each channel, its standard deviation in grey levels.

    The noise of one picture differs between strengths by its scale only.
    """
    digest = hashlib.blake2b(pixels.tobytes(), digest_size=8).digest()
    generator = np.random.default_rng([seed & (2**64 - 1), int.from_bytes(digest)])
    return _rounded(pixels + deviation * generator.standard_normal(pixels.shape, np.float32))


def _jpeg(pixels: _Pixels, quality: float, _seed: int) -> _Pixels:
    """Write it as a JPEG of a quality from 1 to 95 with chroma halved (4:2:0), and read that."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(quality), subsampling="4:2:0")
    return np.array(Image.open(file, formats=["JPEG"]))


def _brightness(pixels: _Pixels, factor: float, _seed: int) -> _Pixels:
    """Multiply every grey level by a factor."""
    return _rounded(pixels * np.float32(factor))


def _rounded(values: NDArray[np.float32]) -> _Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_KINDS: dict[str, Callable[[_Pixels, float, int], _Pixels]] = {
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
    "brightness": _brightness,
}
_STRENGTHS = {
    "blur": ("sigma, pixels", (0.5, 1.0, 2.0, 4.0)),
    "noise": ("standard deviation, grey levels of 255", (8.0, 16.0, 32.0, 64.0)),
    "jpeg": ("quality", (80.0, 40.0, 20.0, 10.0)),
    "brightness": ("factor", (0.25, 0.5, 1.5, 2.0)),
}

CORRUPTIONS = tuple(
    Corruption(kind, strength, unit)
    for kind, (unit, strengths) in _STRENGTHS.items()
    for strength in strengths
)
"""Those that an evaluation measures."""
