"""How pictures are divided into training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.data.folder import ImageFolder, Split, scan
from parnet_zoo.data.sources.open_collection import open_collection
from parnet_zoo.errors import DataError

SEED = 0
READY_MADE = ("validation", "valid", "val", "dev")
"""Names of splits that people keep validation pictures in."""
_TENTH, _FIFTH = 0.1, 0.2
_FEW = 1_000
"""Training pictures below which a tenth of them would say little."""
_MANY = 2_000
"""Training pictures from which on a tenth of them can be spared for a test."""


@dataclass(frozen=True)
class Splits:
    """The recipe's fields and what they give.

    Attributes:
        folder: What is in each split.
        validation: As the recipe has it.
        test: As the recipe has it; None leaves it to what is there.
    """

    folder: ImageFolder
    validation: float | str
    test: float | None = None

    @property
    def why_validation(self) -> str:
        """What steers the training."""
        return _told(self.folder.validation, "steer the training, and are never trained on")

    @property
    def why_test(self) -> str:
        """What judges the result."""
        test = self.folder.test
        if test is None:
            return "there are no test pictures, and too few others to spare any"
        return _told(test, "are looked at once, at the end")


def divide(root: Path) -> Splits:
    """Take the splits that are there, and parts of the training pictures for what is not.

    Raises:
        DataError: The pictures are missing or cannot be used.
        UsageError: There are too few of them to be divided.
    """
    ready = _ready_made(root)
    folder = scan(root, validation=ready or _TENTH, seed=SEED)
    if ready is None and len(folder.train) + len(folder.validation) < _FEW:
        return Splits(scan(root, validation=_FIFTH, seed=SEED), _FIFTH)
    if folder.test is None and len(folder.train) >= _MANY:
        validation = ready or _TENTH
        return Splits(scan(root, validation=validation, test=_TENTH, seed=SEED), validation, _TENTH)
    return Splits(folder, ready or _TENTH)


def _ready_made(root: Path) -> str | None:
    """The name of the validation pictures, if they have the classes of the training pictures."""
    collection = open_collection(root)
    for name in READY_MADE:
        if not collection.whole and collection.has(name):
            try:
                scan(root, validation=name, seed=SEED)
            except DataError:  # whatever is in there, it is not that
                continue
            return name
    return None


def _told(split: Split, use: str) -> str:
    count = "1 picture" if len(split) == 1 else f"{len(split):,} pictures"
    return f"{count} ({split.origin}) {use}"
