"""The search for labels that may be wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.evaluation.calibration import at_temperature
from parnet_zoo.evaluation.figures.canvas import BLUE, GREEN, GREY, ORANGE
from parnet_zoo.evaluation.figures.gallery import MOST, Line, Shown, gallery
from parnet_zoo.evaluation.label_errors import LabelErrors, Suspect, label_errors
from parnet_zoo.evaluation.strangeness import narrowed
from parnet_zoo.serving.features import FeatureClassifier
from parnet_zoo.training.images import Images
from parnet_zoo.training.judging.context import EVALUATION, Judgement
from parnet_zoo.training.judging.pictures import file_name, picture

MOST_LISTED = 1000
"""Rows of the list."""
_BATCH = 32
_COLUMNS = (
    "rank",
    "path",
    "split",
    "given",
    "suggested",
    "given_probability",
    "suggested_probability",
    "score",
    "confident",
)


@dataclass(frozen=True, eq=False)
class _Searched:
    """Every image that was looked at, with what the served network makes of it."""

    paths: list[ImageFile]
    splits: list[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    features: NDArray[np.float32] | None


def search_labels(judgement: Judgement, temperature: float) -> None:
    """Rank the labels of the splits that the recipe names, log the list and a gallery.

    Training images are judged by the served form, without augmentation. The probabilities of a
    network that is too sure are those at its temperature, here and in the list.

    Args:
        judgement: With the images.
        temperature: Of the network; below 1 it is left out, since sharper answers rank no better.
    """
    if judgement.recipe.evaluation.label_errors == "none":
        return
    with judgement.figures.spared("the search for wrong labels"):
        searched = _look(judgement)
        found = label_errors(
            searched.labels,
            at_temperature(searched.probabilities, max(1.0, temperature)),
            features=searched.features,
            most=MOST_LISTED,
        )
        listed = _csv(found, searched, judgement.folder.classes)
        judgement.run.log_text(listed, f"{EVALUATION}/label_errors.csv")
        _draw(judgement, found, searched, max(1.0, temperature))


def _splits(judgement: Judgement) -> list[Images]:
    held_out = [judgement.validation.images]
    if judgement.test is not None and judgement.test.images is not held_out[0]:
        held_out.append(judgement.test.images)
    everything = judgement.recipe.evaluation.label_errors == "all"
    return [judgement.train, *held_out] if everything else held_out


def _look(judgement: Judgement) -> _Searched:
    """Ask the served network about every readable image of the splits."""
    classifier = FeatureClassifier(judgement.packed)
    splits = _splits(judgement)
    searched = _Searched([], [], np.zeros(0, np.int64), np.zeros((0, 0), np.float32), None)
    labels, answers, features = [], [], []
    total = sum(images.readable for images in splits)
    with judgement.figures.progress.task("searching for wrong labels", total) as update:
        for images in splits:
            for numbers, pixels in _batches(images, classifier):
                said, read = classifier.both(pixels)
                searched.paths.extend(images.split.paths[number] for number in numbers)
                searched.splits.extend([images.split.name] * len(numbers))
                labels.append(images.split.labels[numbers])
                answers.append(said)
                if read is not None:
                    features.append(narrowed(read))
                update(len(searched.paths), "")
    return _Searched(
        searched.paths,
        searched.splits,
        np.concatenate(labels),
        np.concatenate(answers),
        np.concatenate(features) if features else None,
    )


def _batches(
    images: Images, classifier: FeatureClassifier
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Numbers and pixels of the readable images, at the size that the network takes."""
    readable = images.store.readable
    parts = [readable[start : start + _BATCH] for start in range(0, len(readable), _BATCH)]
    if images.store.size == classifier.size:
        for numbers in parts:
            pixels, ok = images.store.batch(numbers)
            if ok.any():
                yield numbers[ok], pixels[ok]
        return
    # Kept larger than the network takes them: decoded once more, as they would be when served.
    with ThreadPoolExecutor(worker_count()) as pool:
        for numbers in parts:
            files = [images.split.paths[number] for number in numbers]
            decoded = list(pool.map(lambda file: _decoded(file, classifier), files))
            kept = [pixels for pixels in decoded if pixels is not None]
            if kept:
                yield numbers[[pixels is not None for pixels in decoded]], np.stack(kept)


def _decoded(file: ImageFile, classifier: FeatureClassifier) -> NDArray[np.uint8] | None:
    try:
        return classifier.decode(encoded(file))
    except (OSError, ValueError):  # ImageDecodeError is one
        return None


def _csv(found: LabelErrors, searched: _Searched, classes: tuple[str, ...]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for rank, suspect in enumerate(found.suspects, start=1):
        writer.writerow(
            (
                rank,
                escaped(searched.paths[suspect.number]),
                searched.splits[suspect.number],
                escaped(classes[suspect.given]),
                escaped(classes[suspect.suggested]),
                f"{suspect.given_probability:.6f}",
                f"{suspect.suggested_probability:.6f}",
                f"{suspect.score:.4f}",
                str(suspect.confident).lower(),
            )
        )
    return written.getvalue()


def _draw(
    judgement: Judgement, found: LabelErrors, searched: _Searched, temperature: float
) -> None:
    with judgement.figures.draw("label_errors", "the gallery of suspected labels") as path:
        heated = f"; probabilities at temperature {temperature:.3g}" if temperature > 1 else ""
        splits = ", ".join(dict.fromkeys(searched.splits))
        gallery(
            [_shown(judgement, suspect, searched) for suspect in found.suspects[:MOST]],
            path,
            title=f"{judgement.recipe.name}: the most suspicious of {found.searched:,} labels",
            note=f"of {splits} images; the network may be wrong instead{heated}",
        )


def _shown(judgement: Judgement, suspect: Suspect, searched: _Searched) -> Shown:
    classes, file = judgement.folder.classes, searched.paths[suspect.number]
    given, suggested = classes[suspect.given], classes[suspect.suggested]
    looks = suspect.suggested_probability > suspect.given_probability
    first = Line.of_class("label", given, suspect.given_probability, ORANGE if looks else BLUE)
    if looks:
        second = Line.of_class("looks like", suggested, suspect.suggested_probability, GREEN)
    else:
        second = Line("unlike others of its class", BLUE)
    return Shown(
        picture(file, judgement.recipe),
        (first, second, Line(f"{searched.splits[suspect.number]}: {file_name(file)}", GREY)),
    )
