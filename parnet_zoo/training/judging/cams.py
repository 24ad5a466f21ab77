"""Grad-CAM of a few right and a few wrong answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.grad_cams import MOST, CamPicture, grad_cams
from parnet_zoo.training.images import normalisation
from parnet_zoo.training.judge import Judged
from parnet_zoo.training.judging.context import Judgement
from parnet_zoo.training.judging.mistakes import worst_mistakes
from parnet_zoo.training.judging.pictures import picture
from registry import SpecError


def draw_cams(judgement: Judgement) -> None:
    """Log what speaks for the answer, and for another class, in at most eight images."""
    asked = judgement.final
    with judgement.figures.draw(f"grad_cam_{asked.name}", "Grad-CAM") as path:
        rows = _chosen(asked.judged)
        pixels, ok = asked.images.store.batch(asked.judged.numbers[rows])
        try:
            pictures = _explained(judgement, rows[ok], pixels[ok])
        except SpecError as error:  # nothing is wrong, there is only nothing to see
            judgement.figures.progress.say(f"no Grad-CAM: {error}")
            return
        title = f"{judgement.recipe.name}: what speaks for a class in {asked.name} images"
        grad_cams(pictures, path, f"{title} (Grad-CAM)")


def _explained(
    judgement: Judgement, rows: NDArray[np.int64], pixels: NDArray[np.uint8]
) -> list[CamPicture]:
    from parnet_zoo.networks.grad_cam import grad_cam

    judged, classes = judgement.final.judged, judgement.folder.classes
    mean, std = (np.asarray(values, np.float32) for values in normalisation(judgement.recipe))
    images = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    truth, said = judged.truth[rows], judged.probabilities[rows].argmax(axis=1)
    other = _other(judged.probabilities[rows], truth, said)
    for_said = grad_cam(judgement.model, images, said)
    for_other = grad_cam(judgement.model, images, other)
    return [
        CamPicture(
            pixels=_large(judgement, int(row), pixels[place]),
            true=classes[truth[place]],
            predicted=classes[said[place]],
            probability=float(judged.probabilities[row].max()),
            for_predicted=for_said[place],
            other=classes[other[place]],
            for_other=for_other[place],
            right=bool(truth[place] == said[place]),
        )
        for place, row in enumerate(rows)
    ]


def _large(judgement: Judgement, row: int, small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    asked = judgement.final
    large = picture(asked.images.split.paths[int(asked.judged.numbers[row])], judgement.recipe)
    return small if large is None else large


def _other(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], said: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The true class of wrong answers, the second most probable one of right answers."""
    second = np.argsort(-probabilities, axis=1, kind="stable")[:, 1]
    return np.where(truth == said, second, truth)


def _chosen(judged: Judged) -> NDArray[np.int64]:
    """Rows of right answers, spread over the classes, and of the worst mistakes, half of each."""
    wrong = worst_mistakes(judged)
    right = np.flatnonzero(judged.probabilities.argmax(axis=1) == judged.truth)
    right = right[np.argsort(judged.truth[right], kind="stable")]
    wanted = min(len(right), MOST - min(len(wrong), MOST // 2))
    places = np.unique(np.linspace(0, len(right) - 1, wanted + 2).round().astype(int)[1:-1])
    spread = right[places] if wanted else right[:0]
    return np.concatenate((spread, wrong[: MOST - len(spread)]))
