"""The pictures of one run, decoded and counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import ImageFolder, Split
from parnet_zoo.data.store import Cache, ImageStore, Unreadable
from parnet_zoo.errors import DataError
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.runtime import decode_image
from parnet_zoo.training.progress import Progress

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
UNREADABLE_SHOWN = 10


@dataclass(frozen=True)
class Images:
    """One split, ready to be read.

    Attributes:
        split: Paths and labels.
        store: Their decoded pixels.
    """

    split: Split
    store: ImageStore

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Files that are skipped, with the reason."""
        return self.store.unreadable

    @property
    def readable(self) -> int:
        """How many images are left."""
        return len(self.store.readable)


def normalisation(recipe: Recipe) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation a channel that a recipe takes off pixels between 0 and 1."""
    if recipe.data.normalization == "imagenet":
        return IMAGENET_MEAN, IMAGENET_STD
    return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def open_images(
    split: Split, recipe: Recipe, folder: ImageFolder, directory: Path, progress: Progress
) -> Images:
    """Decode a split into its cache, and warn of files that cannot be read.

    Raises:
        DataError: No validation image can be read, or none of a class that is to be trained.
    """
    size, resize = recipe.spec().resolution, recipe.data.resize
    cache: Cache = recipe.data.cache

    def decode(path: Path) -> NDArray[np.uint8]:
        return decode_image(path, size, resize)

    store = ImageStore(split.paths, decode=decode, size=size, cache=cache, directory=directory)
    with progress.task(f"reading {split.name} images", len(split)) as update:
        store.prepare(lambda done, _total: update(done, ""))
    _warn(store.unreadable, split, progress)
    _check_classes(split, store, folder, progress)
    return Images(split, store)


def _warn(unreadable: tuple[Unreadable, ...], split: Split, progress: Progress) -> None:
    if not unreadable:
        return
    progress.warn(f"{len(unreadable)} of {len(split)} {split.name} images are skipped:")
    for bad in unreadable[:UNREADABLE_SHOWN]:
        progress.warn(f"  {escaped(bad.path)}: {bad.reason}")
    if len(unreadable) > UNREADABLE_SHOWN:
        progress.warn(f"  and {len(unreadable) - UNREADABLE_SHOWN} more; the run lists them all")


def _check_classes(
    split: Split, store: ImageStore, folder: ImageFolder, progress: Progress
) -> None:
    left = np.bincount(split.labels[store.readable], minlength=len(folder.classes))
    empty = [name for name, count in zip(folder.classes, left, strict=True) if not count]
    if not empty:
        return
    sentence = f"no {split.name} image of {', '.join(empty)} can be read in {folder.root}"
    # A network cannot learn a class without images, but can be judged on the others.
    if split.name == "train" or (split.name == "validation" and not left.any()):
        raise DataError(f"{sentence}: {store.unreadable[0].path}: {store.unreadable[0].reason}")
    progress.warn(sentence)
