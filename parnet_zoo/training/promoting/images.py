"""The images on which a version and the champion are compared."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parnet_zoo.data.folder import ImageFolder, Split, scan
from parnet_zoo.data.listing import FoundImage
from parnet_zoo.data.sources.open_collection import open_collection
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.recipe import Recipe
from parnet_zoo.tracking.version_origin import VersionOrigin

_ASK = "give the images to compare on with --data PATH"


@dataclass(frozen=True, eq=False)
class PromotionImages:
    """Images with their classes.

    Attributes:
        classes: What the labels number.
        split: Paths and labels.
        digest: Of these images' names and sizes, or of the whole data set whose split they are.
        own: Whether they are the validation images of the version's own run.
    """

    classes: tuple[str, ...]
    split: Split
    digest: str
    own: bool


def own_images(origin: VersionOrigin) -> PromotionImages:
    """The validation images of the version's own run.

    Raises:
        DataError: They are not there any more, or have changed.
        UsageError: Nothing says which they are.
    """
    if origin.recipe is None or origin.data_digest is None:
        raise UsageError(
            f"nothing says on which images {origin.uri} was trained (it has no run with a recipe):"
            f" {_ASK}"
        )
    root = _root(origin, origin.recipe)
    try:
        folder = _scanned(root, origin.recipe)
    except DataError as error:
        raise DataError(f"{error}\n(the images of {origin.uri}'s own run; {_ASK})") from error
    if folder.digest != origin.data_digest:
        raise DataError(
            f"the images in {root} are not those any more with which {origin.uri} was trained, so"
            f" that it cannot be told which of them it knows: {_ASK}"
        )
    return _validation(folder)


def given_images(path: Path, origin: VersionOrigin) -> PromotionImages:
    """The images of a path that a user names.

    Where they are those of the version's own run, wherever they lie now, its validation images;
    else the split `test`, or else `validation`, or all of a path that comes without splits.

    Raises:
        DataError: There are none, or only training images.
    """
    recipe = origin.recipe
    if recipe is not None:
        try:
            folder = _scanned(path, recipe)
        except (DataError, UsageError):
            folder = None  # it need not have what a training needs
        if folder is not None and folder.digest == origin.data_digest:
            return _validation(folder)
    collection = open_collection(path)
    names = [""] if collection.whole else ["test", "validation"]
    name = next((name for name in names if collection.whole or collection.has(name)), None)
    if name is None:
        raise DataError(
            f"{path} has training images only, which a version may know by heart: give a folder"
            " with CLASS/* or test/CLASS/* in it"
        )
    classes = collection.listing(name).classes
    images = [(label, image) for label, found in classes.items() for image in found]
    numbers = [len(found) for found in classes.values()]
    split = Split(
        name=name or "all",
        paths=tuple(image.path for _, image in images),
        labels=np.repeat(np.arange(len(numbers), dtype=np.int64), numbers),
        origin=collection.title(name),
    )
    return PromotionImages(tuple(classes), split, _digest(images), own=False)


def _root(origin: VersionOrigin, recipe: Recipe) -> Path:
    """Where the recipe's images are: seen from here, or else from where it was trained."""
    root = recipe.data_root
    if not root.exists() and origin.folder is not None and (origin.folder / root).exists():
        return origin.folder / root
    return root


def _scanned(root: Path, recipe: Recipe) -> ImageFolder:
    return scan(
        root,
        validation=recipe.data.validation,
        test=recipe.data.test,
        seed=recipe.seed,
        limit=recipe.data.limit,
    )


def _validation(folder: ImageFolder) -> PromotionImages:
    return PromotionImages(folder.classes, folder.validation, folder.digest, own=True)


def _digest(images: list[tuple[str, FoundImage]]) -> str:
    digest = hashlib.sha256()
    for label, image in images:
        digest.update(f"{label}\0".encode() + os.fsencode(image.relative))
        digest.update(f"\0{image.size}\n".encode())
    return digest.hexdigest()
