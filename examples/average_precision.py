"""Mean average precision of detections, as COCO defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Overlaps (IoU) from which a detection counts as right: 0.5, 0.55, ... 0.95."""
MOST_DETECTIONS = 100
"""Of each picture and class, those with the highest scores count."""
_RECALLS = np.linspace(0, 1, 101)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Boxes:
    """What is in one picture.

    Attributes:
        boxes: Left, top, right, bottom, shape (n, 4).
        classes: Shape (n,).
    """

    boxes: Floats
    classes: NDArray[Any]


@dataclass(frozen=True)
class Detections(Boxes):
    """What was found in one picture.

    Attributes:
        scores: How sure the detector is of each box, shape (n,).
    """

    scores: Floats


def average_precision(
    truth: Sequence[Boxes],
    found: Sequence[Detections],
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[float, float]:
    """Mean over the classes of the average precision, for each threshold.

    COCO's way (its reference code is pycocotools): detections take, highest score first, the
    ground-truth box of their class and picture that they overlap most and that is not yet taken.
    Precision is made to fall with recall and averaged at the recalls 0, 0.01, ... 1. Classes that
    no picture has do not count. COCO's headline mAP is the mean over the thresholds.

    Args:
        truth: What is in each picture.
        found: What was detected in each, with scores.
        thresholds: Overlaps from which a detection counts as right.

    Returns:
        Threshold: mean average precision from 0 to 1; nan if no picture has a box.

    Raises:
        ValueError: Not as many pictures with detections as with a truth.
    """
    if len(truth) != len(found):
        raise ValueError(f"detections of {len(found)} pictures for {len(truth)} pictures")
    classes = np.unique(np.concatenate([[], *(picture.classes for picture in truth)]))
    table = [_of_class(truth, found, label, thresholds) for label in classes]
    if not table:
        return dict.fromkeys(thresholds, float("nan"))
    return dict(zip(thresholds, np.mean(table, axis=0).tolist(), strict=True))


def iou(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of every box (n, 4) with every other (m, 4); shape (n, m)."""
    boxes, others = boxes.astype(float), others.astype(float)  # areas may be too large for float32
    corners = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = corners - np.maximum(boxes[:, None, :2], others[None, :, :2])
    shared = sides.clip(0).prod(axis=2)
    areas, other_areas = ((b[:, 2:] - b[:, :2]).prod(axis=1) for b in (boxes, others))
    union = areas[:, None] + other_areas[None] - shared
    overlaps: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def _of_class(
    truth: Sequence[Boxes], found: Sequence[Detections], label: float, thresholds: Sequence[float]
) -> list[float]:
    """The average precision of one class at each threshold."""
    wanted = sum(int((picture.classes == label).sum()) for picture in truth)
    pairs = [_of_picture(*pair, label) for pair in zip(truth, found, strict=True)]
    scores = np.concatenate([scores for scores, _ in pairs])
    order = np.argsort(-scores, kind="stable")
    result = []
    for threshold in thresholds:
        right = np.concatenate([_right(overlaps, threshold) for _, overlaps in pairs])
        result.append(_area(right[order], wanted))
    return result


def _of_picture(truth: Boxes, found: Detections, label: float) -> tuple[Floats, Floats]:
    """Scores of a picture's detections of one class, highest first, and their overlaps."""
    of_class = np.flatnonzero(found.classes == label)
    best = np.argsort(-found.scores[of_class], kind="stable")[:MOST_DETECTIONS]
    chosen = of_class[best]
    return found.scores[chosen], iou(found.boxes[chosen], truth.boxes[truth.classes == label])


def _right(overlaps: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which detections (rows, highest score first) find a box (columns) that is not yet taken."""
    free = np.ones(overlaps.shape[1], bool)
    right = np.zeros(len(overlaps), bool)
    for row, overlap in enumerate(overlaps):
        fits = np.where(free & (overlap >= threshold), overlap, -1.0)
        if fits.size and fits.max() >= 0:
            free[fits.argmax()] = False
            right[row] = True
    return right


def _area(right: NDArray[np.bool_], wanted: int) -> float:
    """Average precision of detections in order of their scores, of `wanted` boxes to be found."""
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / wanted, _RECALLS, side="left")
    return float(np.append(falling, 0.0)[places].mean())
