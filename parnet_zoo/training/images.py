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

    Training images have the recipe's `data.stored_resolution`, the others the network's. The splits
    share what the cache may take by their bytes.

    Raises:
        DataError: No validation image can be read, or none of a class that is to be trained; or the
            cache that the recipe names has no room.
    """
    size, resize = stored_size(split, recipe), recipe.data.resize
    cache: Cache = recipe.data.cache
    limit = recipe.data.cache_gb

    def decode(image: Path | bytes) -> NDArray[np.uint8]:
        return decode_image(image, size, resize)

    store = ImageStore(
        split.paths,
        decode=decode,
        size=size,
        cache=cache,
        directory=directory,
        limit=None if limit is None else limit * 1e9,
        share=_share(split, recipe, folder),
    )
    with progress.task(f"reading {split.name} images", len(split)) as update:
        store.prepare(lambda done, _total: update(done, ""))
    _warn(store.unreadable, split, progress)
    _check_classes(split, store, folder, progress)
    return Images(split, store)


def stored_size(split: Split, recipe: Recipe) -> int:
    """Height and width at which a split's images are kept."""
    if split.name == "train" and recipe.data.stored_resolution is not None:
        return recipe.data.stored_resolution
    return recipe.spec().resolution


def _share(split: Split, recipe: Recipe, folder: ImageFolder) -> float:
    """A split's part of the pixels of all splits."""
    splits = [folder.train, folder.validation]
    if folder.test is not None and not folder.test_is_validation:
        splits.append(folder.test)
    pixels = {each.name: len(each) * stored_size(each, recipe) ** 2 for each in splits}
    return pixels[split.name] / sum(pixels.values())


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
        bad = store.unreadable[0]
        raise DataError(f"{sentence}: {escaped(bad.path)}: {bad.reason}")
    progress.warn(sentence)
