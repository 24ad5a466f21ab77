"""Whether a new version is better than the one in production."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parnet_zoo.data.image_file import encoded
from parnet_zoo.errors import ParnetZooError
from parnet_zoo.serving.load import load
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.tracking.registered import version_tag
from parnet_zoo.training.images import Images
from parnet_zoo.training.judge import BATCH, Judged
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.progress import Progress


def better_than_champion(
    new: Judged, plan: Plan, validation: Images, progress: Progress
) -> Callable[[str], bool]:
    """A question about the champion's URI: does the new version beat it on the validation images?

    The champion is measured now, on the same images, with its own decoding and resolution. One
    that cannot be loaded or knows other classes cannot be compared, and stays.
    """

    def is_better(uri: str) -> bool:
        try:
            champion = load(uri)
        except ParnetZooError as error:
            progress.warn(f"the champion {uri} stays, since it cannot be asked: {error}")
            return False
        if champion.labels != plan.folder.classes:
            progress.warn(
                f"the champion {uri} stays: it knows other classes ({', '.join(champion.labels)})"
            )
            return False
        if version_tag(uri, "parnet_zoo.data_digest") != plan.folder.digest:
            progress.warn(
                f"the champion {uri} was trained with other images or another split: it may know"
                " some of these validation images, which makes it look better than it is"
            )
        accuracy = _accuracy(champion, validation)
        progress.say(
            f"validation accuracy {new.accuracy:.4f}, of the champion {uri} {accuracy:.4f}"
        )
        return new.accuracy > accuracy

    return is_better


def _accuracy(classifier: Classifier, images: Images) -> float:
    readable = images.store.readable
    right = 0
    for start in range(0, len(readable), BATCH):
        indices = readable[start : start + BATCH]
        pixels = np.stack(
            [classifier.decode(encoded(images.split.paths[index])) for index in indices]
        )
        answers = classifier.probabilities(pixels).argmax(axis=-1)
        right += int((answers == images.split.labels[indices]).sum())
    return right / len(readable)
