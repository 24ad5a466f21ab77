"""Small sets of pictures that can be told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (96, 80)) -> Image.Image:
    """A colourful picture, different for every seed, as smooth as a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def write_set(root: Path, counts: dict[str, int], first_seed: int = 0) -> Path:
    """Write `root/FOLDER/N.jpg`, all different; folders such as "train/cat"."""
    seed = first_seed
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture(seed).save(root / folder / f"{number}.jpg", quality=90)
            seed += 1
    return root
