"""Precision, recall and F1 of each class."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

_NAME_CHARACTERS = 40


@dataclass(frozen=True)
class ClassScores:
    """What a classifier is worth for one class. A ratio of nothing to nothing is 0.

    Attributes:
        name: The class, or "macro average".
        precision: How many of the images that it put here belong here.
        recall: How many of the images that belong here it put here.
        f1: The harmonic mean of both.
        images: How many images belong here.
    """

    name: str
    precision: float
    recall: float
    f1: float
    images: int


@dataclass(frozen=True)
class Report:
    """The scores of all classes.

    Attributes:
        classes: In the order of the confusion matrix.
        average: The plain mean over the classes (macro average).
        accuracy: The fraction of images that are right.
    """

    classes: tuple[ClassScores, ...]
    average: ClassScores
    accuracy: float

    def to_json(self) -> str:
        """As a JSON object."""
        return json.dumps(asdict(self), indent=1)

    def __str__(self) -> str:
        """As a table in plain text."""
        rows = (*self.classes, self.average)
        width = min(max(len(row.name) for row in rows), _NAME_CHARACTERS)
        lines = [f"{'class':{width}}  precision  recall      f1  images"]
        for row in rows:
            name = row.name[:width]
            scores = f"{row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}"
            lines.append(f"{name:{width}}  {scores}  {row.images:6d}")
        return "\n".join([*lines, f"accuracy {self.accuracy:.4f}"]) + "\n"


def report(matrix: ArrayLike, classes: Sequence[str]) -> Report:
    """Score every class.

    Args:
        matrix: (classes, classes) counts, true classes in rows, as `confusion` gives them.
        classes: The names.

    Raises:
        ValueError: The matrix does not fit the names, or has no image.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"a matrix of shape {counts.shape} for {len(classes)} classes")
    if counts.sum() == 0:
        raise ValueError("no image was classified")
    scores = tuple(_scores(counts, number, name) for number, name in enumerate(classes))
    average = ClassScores(
        name="macro average",
        precision=float(np.mean([s.precision for s in scores])),
        recall=float(np.mean([s.recall for s in scores])),
        f1=float(np.mean([s.f1 for s in scores])),
        images=int(counts.sum()),
    )
    return Report(scores, average, float(np.trace(counts) / counts.sum()))


def _scores(
    counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], c: int, name: str
) -> ClassScores:
    right, belong, put = int(counts[c, c]), int(counts[c].sum()), int(counts[:, c].sum())
    return ClassScores(
        name=name,
        precision=right / put if put else 0.0,
        recall=right / belong if belong else 0.0,
        f1=2 * right / (belong + put) if belong + put else 0.0,
        images=belong,
    )
