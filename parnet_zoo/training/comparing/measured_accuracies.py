"""The accuracy of several models on the same images, now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError
from parnet_zoo.evaluation.metrics import top1
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.training.comparing.comparison import ComparedImages
from parnet_zoo.training.comparing.opened_model import OpenedModel
from parnet_zoo.training.evaluating.chosen_images import ChosenImages, SplitName, choose_images
from parnet_zoo.training.evaluating.measure import Measurement, measure
from parnet_zoo.training.evaluating.training_split import TrainingSplit
from parnet_zoo.training.progress import Progress

_PLAIN = Measurement(averaging=False, robustness=False)


def measured_accuracies(
    models: Sequence[OpenedModel],
    root: Path,
    split: SplitName | None,
    limit: int | None,
    progress: Progress,
) -> tuple[list[float | None], ComparedImages | None]:
    """Ask each model about the same images, each through its own decoder and resizing.

    Args:
        models: Those without a network get None.
        root: A folder, archive or list.
        split: See `choose_images`; what is drawn, is drawn as the first model's training did.
        limit: Images at most.
        progress: What the person sees.

    Raises:
        DataError: There are no such images, none can be read, or a model does not know a class.
    """
    drawn_as = _training(models[0])
    accuracies: list[float | None] = []
    images = None
    for one in models:
        if one.classifier is None:
            accuracies.append(None)
            continue
        chosen = _chosen(one, one.classifier, root, split, limit, drawn_as)
        progress.say(f"{one.known.name} on {len(chosen.split):,} images: {chosen.split.origin}")
        if _may_know(one, chosen, drawn_as):
            progress.warn(f"{one.known.name} was trained on some of these images and knows them")
        accuracy, count = _accuracy(one.classifier, chosen, progress)
        accuracies.append(accuracy)
        images = ComparedImages(root=escaped(root), split=chosen.split.name, images=count)
    return accuracies, images


def _training(model: OpenedModel) -> TrainingSplit:
    return TrainingSplit.of(model.known.params, model.known.tags)


def _chosen(
    model: OpenedModel,
    classifier: Classifier,
    root: Path,
    split: SplitName | None,
    limit: int | None,
    drawn_as: TrainingSplit,
) -> ChosenImages:
    try:
        return choose_images(root, split, classifier.labels, drawn_as, limit=limit)
    except DataError as error:
        raise DataError(f"{model.known.name}: {error}") from error


def _may_know(model: OpenedModel, chosen: ChosenImages, drawn_as: TrainingSplit) -> bool:
    """Whether images of its own training are among them, which were split otherwise perhaps."""
    own = _training(model)
    mixed = chosen.split.name in ("train", "all") or (chosen.drawn and own != drawn_as)
    return mixed and own.made_of(chosen.root)


def _accuracy(
    classifier: Classifier, chosen: ChosenImages, progress: Progress
) -> tuple[float, int]:
    found = measure(classifier, chosen, _PLAIN, progress)
    if bad := found.unreadable:
        sentence = f"{escaped(bad[0].path)}: {bad[0].reason}"
        if not len(found.truth):
            raise DataError(f"none of the images in {escaped(chosen.root)} can be read: {sentence}")
        progress.warn(f"{len(bad)} images cannot be read and are left out, such as {sentence}")
    return top1(found.truth, found.probabilities), len(found.truth)
