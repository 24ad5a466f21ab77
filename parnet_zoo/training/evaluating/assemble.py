"""From a network's answers to an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from parnet_zoo.data.escaped import escaped
from parnet_zoo.evaluation.calibration import calibration_error
from parnet_zoo.evaluation.metrics import confusion, log_loss, top1, top_k
from parnet_zoo.evaluation.report import ClassScores, Report, report
from parnet_zoo.evaluation.temperature_scaling import Answers, Calibration, calibrate
from parnet_zoo.training.evaluating.chosen_images import ChosenImages
from parnet_zoo.training.evaluating.evaluation import (
    AveragedResult,
    CalibrationResult,
    ClassResult,
    EvaluatedFile,
    EvaluatedImages,
    RobustnessResult,
)
from parnet_zoo.training.evaluating.measure import FLIP, TEN_CROP, VIEWS, Measured
from parnet_zoo.training.listed_split import ListedSplit

_TOP = 5
_LEAST_IMAGES = 4
"""For a temperature: with fewer, one of the halves is one image."""


@dataclass(frozen=True, eq=False)
class Assembled:
    """An evaluation's numbers, and what figures need besides them.

    Attributes:
        fields: Of `Evaluation`.
        report: Of the classes that have images.
        calibration: With its bins; None where it cannot be had.
    """

    fields: dict[str, Any]
    report: Report
    calibration: Calibration | None


def assemble(
    measured: Measured, labels: Sequence[str], images: ChosenImages, name: str, seed: int
) -> Assembled:
    """Score a network's answers.

    Args:
        measured: At least one image.
        labels: The network's classes.
        images: What it was asked about.
        name: Of the images, in the names of metrics.
        seed: Of the halves for calibration.
    """
    truth, said = measured.truth, measured.probabilities
    matrix = confusion(truth, said.argmax(axis=-1), len(labels))
    scored = _present(report(matrix, labels))
    calibration = _calibration(measured, seed)
    corrupted = [
        RobustnessResult(
            corruption=corruption.kind,
            strength=corruption.strength,
            unit=corruption.unit,
            top1=tally.top1,
        )
        for corruption, tally in measured.robustness.items()
    ]
    fields = {
        "data": _data(measured, labels, images, name),
        "seed": seed,
        "labels": tuple(labels),
        "top1": top1(truth, said),
        "top5": top_k(truth, said, _TOP) if len(labels) > _TOP else None,
        "log_loss": log_loss(truth, said),
        "ece": calibration_error(truth, said),
        "classes": tuple(_class(scores) for scores in scored.classes),
        "average": _class(scored.average),
        "calibration": _numbers(calibration),
        "flip": _averaged(measured, FLIP),
        "ten_crop": _averaged(measured, TEN_CROP),
        "robustness": tuple(corrupted),
        "mean_corrupted_top1": float(np.mean([r.top1 for r in corrupted])) if corrupted else None,
    }
    return Assembled(fields, scored, calibration)


def _present(full: Report) -> Report:
    """Without the classes that have no image, which would count as failures in the mean."""
    there = tuple(scores for scores in full.classes if scores.images)
    average = ClassScores(
        name=full.average.name,
        precision=float(np.mean([scores.precision for scores in there])),
        recall=float(np.mean([scores.recall for scores in there])),
        f1=float(np.mean([scores.f1 for scores in there])),
        images=full.average.images,
    )
    return Report(there, average, full.accuracy)


def _calibration(measured: Measured, seed: int) -> Calibration | None:
    """A temperature of one half, measured on the other."""
    truth, said = measured.truth, measured.probabilities
    if len(truth) < _LEAST_IMAGES or not np.isfinite(said).all():
        return None
    order = np.random.default_rng(seed).permutation(len(truth))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    one, other = (
        Answers(name, truth[np.sort(half)], said[np.sort(half)])
        for name, half in zip(("randomly drawn", "other"), halves, strict=True)
    )
    return calibrate(one, other, same_images=False)


def _numbers(calibration: Calibration | None) -> CalibrationResult | None:
    if calibration is None:
        return None
    wanted = CalibrationResult.model_fields
    return CalibrationResult(**{name: getattr(calibration, name) for name in wanted})


def _averaged(measured: Measured, name: str) -> AveragedResult | None:
    tally = measured.averaged.get(name)
    if tally is None:
        return None
    return AveragedResult(top1=tally.top1, log_loss=tally.log_loss, views=VIEWS[name])


def _class(scores: ClassScores) -> ClassResult:
    return ClassResult(**asdict(scores))


def _data(
    measured: Measured, labels: Sequence[str], images: ChosenImages, name: str
) -> EvaluatedImages:
    split = images.split
    counts = np.bincount(measured.truth, minlength=len(labels))
    return EvaluatedImages(
        root=escaped(images.root),
        name=name,
        split=split.name,
        origin=split.origin,
        digest=ListedSplit(split, images.root, tuple(labels)).digest,
        images=len(measured.truth),
        classes={label: int(n) for label, n in zip(labels, counts, strict=True) if n},
        unreadable=tuple(
            EvaluatedFile(path=escaped(bad.path), reason=bad.reason) for bad in measured.unreadable
        ),
        trained_on=images.trained_on,
    )
