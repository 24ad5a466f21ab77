"""scikit-learn's handwritten digits as a folder of pictures: real data without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parnet_zoo.data.whole_folder import whole_folder
from parnet_zoo.errors import DataError

COUNT = 1797
"""Images in scikit-learn's set."""
_SEED = 0
_TEST_FRACTION = 0.2
_MARKER = "SOURCE.txt"
_SOURCE = """\
1,797 handwritten digits of 8 x 8 pixels: the test part of E. Alpaydin and C. Kaynak, "Optical
Recognition of Handwritten Digits", UCI Machine Learning Repository (CC BY 4.0), as shipped with
scikit-learn. Grey levels 0 to 16 are stretched to 0 to 255. Of each class about 20% are in test/.
"""
_ABANDONED_SECONDS = 600.0
"""Writing takes a second; an unfinished folder of this age belongs to a process that was killed."""


def write_digits(root: Path) -> Path:
    """Write the digits as `root/train/CLASS/*.png` and `root/test/CLASS/*.png`, once.

    The folder appears complete or not at all, also when two processes write it at the same time. A
    folder that is there already is left as it is.

    Args:
        root: The folder to make.

    Returns:
        `root`.

    Raises:
        DataError: `root` exists and holds something else, or cannot be written.
    """
    if _is_there(root):
        return root
    try:
        with whole_folder(root, abandoned=_ABANDONED_SECONDS) as folder:
            _write(folder)
    except OSError as error:
        if not _is_there(root):  # otherwise another process was faster
            raise DataError(f"{root} cannot be written: {error.strerror}") from error
    return root


def _is_there(root: Path) -> bool:
    """Whether `root` holds the digits; DataError where it holds something else."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    pictures = sum(1 for _ in root.glob("*/*/digit_*.png"))
    if (root / _MARKER).is_file() and pictures == COUNT:
        return True
    raise DataError(
        f"{root} exists but is not the folder of {COUNT} digits that belongs there"
        f" ({pictures} found); remove it, or choose another folder"
    )


def _write(folder: Path) -> None:
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    _, test = train_test_split(
        np.arange(COUNT),
        test_size=_TEST_FRACTION,
        random_state=_SEED,
        stratify=digits.target,
    )
    in_test = np.isin(np.arange(COUNT), test)
    for index, label in enumerate(digits.target.tolist()):
        place = folder / ("test" if in_test[index] else "train") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[index]).save(place / f"digit_{index:04d}.png")
    (folder / _MARKER).write_text(_SOURCE, encoding="utf-8")
