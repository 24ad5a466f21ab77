"""What one image file is: the facts that a check draws its conclusions from."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.check.perceptual import THUMB, perceptual_hash, thumbnail

LOOKED_AT = 64
"""Height and width in pixels at which images are compared."""
Decode = Callable[[bytes], NDArray[np.uint8]]
"""Gives an encoded image's pixels, shape (64, 64, 3), RGB; raises for what is no image."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000")
"""What training reads, as Pillow calls it."""

_ORIENTATION = 0x0112
_UPRIGHT = 1
_GREY_SPREAD = 12
"""Largest distance between the channels of a grey image: chroma that is left by JPEG."""
_FLAT = 3.0


@dataclass(frozen=True, eq=False)
class Look:
    """One file.

    Attributes:
        sha256: Of its bytes, in hexadecimal.
        size: Bytes; -1 where the file cannot be opened.
        problem: Why it cannot be read, in one sentence; None where it can, and only then the rest
            means anything.
        format: By its content, as Pillow calls it.
        mode: Kind of pixels, as Pillow calls it.
        width: Pixels, as stored.
        height: Pixels, as stored.
        animated: Whether it holds several pictures.
        turned: Whether EXIF says that it is to be turned.
        grey: Whether its colours are all grey.
        flat: Whether there is nothing in it but one colour.
        hash: 64 bits that are alike for images that look alike.
        thumb: Pixels of shape (16, 16, 3).
    """

    sha256: str
    size: int
    problem: str | None = None
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    animated: bool = False
    turned: bool = False
    grey: bool = False
    flat: bool = False
    hash: int = 0
    thumb: NDArray[np.uint8] | None = None


def look_at(data: bytes, decode: Decode) -> Look:
    """Look at one encoded image.

    Args:
        data: The whole file.
        decode: The decoder that training uses: what it refuses is unreadable.
    """
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        return Look(digest, 0, "the file is empty")
    try:
        pixels = decode(data)
    except Exception as error:  # whatever a decoder makes of a broken file
        return Look(digest, len(data), _sentence(error))
    grey = pixels.mean(axis=2)
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    small = thumbnail(pixels, THUMB)
    return Look(
        digest,
        len(data),
        **_header(data),
        grey=bool(spread.max() <= _GREY_SPREAD),
        flat=bool(grey.std() < _FLAT),
        hash=perceptual_hash(grey),
        thumb=small,
    )


def _header(data: bytes) -> dict[str, Any]:
    """What the file says about itself."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        kind = image.format or ""
        orientation = _UPRIGHT
        with suppress(Exception):  # broken metadata says nothing about the pixels
            orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
        return {
            "format": kind,
            "mode": image.mode,
            "width": image.width,
            "height": image.height,
            # The further pictures of an MPO are other sizes of the first.
            "animated": kind != "MPO" and bool(getattr(image, "is_animated", False)),
            "turned": orientation in range(2, 9),
        }


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
