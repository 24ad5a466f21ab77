"""The images that a network is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import Split
from parnet_zoo.data.listing import FoundImage
from parnet_zoo.data.selection import choose
from parnet_zoo.data.sources.collection import Collection
from parnet_zoo.data.sources.open_collection import open_collection
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.training.evaluating.known_labels import known_labels
from parnet_zoo.training.evaluating.training_split import TrainingSplit

SplitName: TypeAlias = Literal["train", "validation", "test", "all"]
_OWN = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class ChosenImages:
    """Images with what a network should say about them.

    Attributes:
        root: The folder, archive or list.
        split: Paths; labels are positions in the network's classes.
        trained_on: Whether images that the network was trained on are among them, as far as can be
            told: None where its run is not known.
        drawn: Whether the split was drawn from training images, as the training does it.
    """

    root: Path
    split: Split
    trained_on: bool | None
    drawn: bool


def choose_images(
    root: Path,
    wanted: SplitName | None,
    labels: Sequence[str],
    training: TrainingSplit,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> ChosenImages:
    """Find the images of a split, whichever classes of the network's are there.

    Args:
        root: A folder, archive or list, as `scan` reads it.
        wanted: A split that it comes with, or that the training would draw from it; "all" for
            everything; None for "test", or "all" where it comes without splits.
        labels: The network's classes.
        training: How its run has split its images.
        limit: Images at most, the same number of each class.
        seed: Governs the choice under `limit`.

    Raises:
        DataError: There are no such images, or of a class that the network does not know.
        UsageError: The limit is smaller than the number of classes.
    """
    collection = open_collection(root)
    name = wanted or ("all" if collection.whole else "test")
    classes, origin = _found(collection, name, training)
    classes = {label: images for label, images in classes.items() if images}
    if not classes:
        raise DataError(f"there are no images in {escaped(root)} ({origin})")
    numbers = known_labels(list(classes), labels, escaped(root))
    if limit is not None:
        classes = _limited(classes, limit, seed)
        origin = f"{origin}; at most {limit} of them, drawn by seed {seed}"
    split = Split(
        name=name,
        paths=tuple(image.path for images in classes.values() for image in images),
        labels=np.repeat(np.array(numbers, np.int64), [len(images) for images in classes.values()]),
        origin=origin,
    )
    drawn = name != "all" and not collection.has(name)
    return ChosenImages(root, split, _trained_on(root, name, training), drawn)


def _found(
    collection: Collection, name: SplitName, training: TrainingSplit
) -> tuple[dict[str, Sequence[FoundImage]], str]:
    """The images of each class, and where they come from, in words."""
    if name == "all":
        there = [""] if collection.whole else [split for split in _OWN if collection.has(split)]
        merged: dict[str, Sequence[FoundImage]] = {}
        for split in there:
            for label, images in collection.listing(split).classes.items():
                merged[label] = [*merged.get(label, ()), *images]
        origin = " and ".join(collection.title(split) for split in there)
        return dict(sorted(merged.items())), origin
    # Not by way of the training's splits: a test set need not have all of its classes.
    if name == "test" and collection.has(name):
        return dict(collection.listing(name).classes), collection.title(name)
    parts = training.parts(collection)
    if name not in parts:
        raise DataError(
            f"{escaped(collection.root)} comes with training images only: choose --split"
            " validation, the part that is split off them, or --split all"
        )
    return dict(parts[name].classes), parts[name].origin


def _limited(
    classes: dict[str, Sequence[FoundImage]], limit: int, seed: int
) -> dict[str, Sequence[FoundImage]]:
    if limit < len(classes):
        raise UsageError(
            f"--limit {limit} is too small for {len(classes)} classes: it counts all images, so at"
            f" least {len(classes)} are needed"
        )
    each = limit // len(classes)
    limited: dict[str, Sequence[FoundImage]] = {}
    for label, images in classes.items():
        chosen = choose(images, each, seed=seed, purpose="evaluation")
        limited[label] = [image for image in images if image.relative in chosen]
    return limited


def _trained_on(root: Path, name: SplitName, training: TrainingSplit) -> bool | None:
    if training.digest is None:
        return None
    return name in ("train", "all") and training.made_of(root)
