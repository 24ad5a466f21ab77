"""A folder, archive or list of pictures as training, validation and test splits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.data.listing import Classes, FoundImage
from parnet_zoo.data.parts import Part, make_parts
from parnet_zoo.data.selection import choose
from parnet_zoo.data.sources.open_collection import open_collection
from parnet_zoo.errors import UsageError


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split, in a stable order: by class, then by relative path.

    Attributes:
        name: "train", "validation" or "test".
        paths: One for each image: a Path, or a member of an archive. `data.image_file.encoded`
            makes of both what the decoder takes.
        labels: Shape (images,), int64: the position of the image's class in the sorted class names.
        origin: How it came to be, in words, such as `10% of each class of folder train, drawn by
            seed 0`.
    """

    name: str
    paths: tuple[ImageFile, ...]
    labels: NDArray[np.int64]
    origin: str = ""

    def __len__(self) -> int:
        return len(self.paths)

    def counts(self, classes: Sequence[str]) -> dict[str, int]:
        """Images of each class, by name."""
        numbers = np.bincount(self.labels, minlength=len(classes))
        return {name: int(number) for name, number in zip(classes, numbers, strict=True)}


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """What a scan found.

    Attributes:
        root: The folder, archive or list as it was given.
        classes: Class names, sorted.
        train: Trained on.
        validation: Steers early stopping, best weights and promotion.
        test: Looked at once, at the end; None where there is none.
        digest: SHA-256 over split, relative path and size in bytes of every image that is used; for
            a list over its label too. An archive has the digest of the folder that it was made of.
            Not over the pixels: cheap enough for each start, and blind to a file that is replaced
            by another one of equal name and size.
        ignored: Files and hidden folders that were passed over: hidden, not an image by their
            suffix, or no regular file; in an archive also what leads out of it.
    """

    root: Path
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split | None
    digest: str
    ignored: tuple[Path, ...]

    @property
    def test_is_validation(self) -> bool:
        """Whether the test images are the validation images, as a recipe may want it."""
        return self.test is not None and self.test.paths == self.validation.paths


def scan(
    root: Path,
    *,
    validation: float | str,
    test: float | str | None = None,
    seed: int,
    limit: int | None = None,
) -> ImageFolder:
    """Find the images of a folder, an archive or a list; no image is opened.

    A folder, or a plain `.tar` of one, holds `train/CLASS/*` and perhaps `test/CLASS/*`, or
    `CLASS/*` alone; folders inside a class folder belong to the class. A list is a `.csv`, `.tsv`
    or `.jsonl` file of path, label and perhaps split. Every choice is made by hashes of seed and
    relative path: the same for any order of the file system and any location of the root.

    Args:
        root: The folder, archive or list.
        validation: A fraction of each class (at least one image, never all) that is taken off the
            training images, or the name of a folder beside `train`, such as "test". A list's own
            validation images count in place of a fraction.
        test: Likewise. None takes the folder `test`, or a list's test images, where there are any,
            and a tenth of each class where the images come without any splits.
        seed: Governs what is split off and the choice under `limit`.
        limit: Images in each of the splits train, validation and test, `limit // classes` of each
            class, or as many of each as the split's smallest class has. The other splits are taken
            off first and do not depend on the limit: a limited split is a part of the unlimited
            one.

    Returns:
        The splits.

    Raises:
        DataError: Images are missing: the root, a split, a class in it, or one of two classes; a
            class has too few to be split; its name is no text; two splits differ in classes; the
            archive or the list is broken.
        UsageError: `validation`, `test` or `limit` make no sense, alone or for these images.
    """
    collection = open_collection(root)
    parts = make_parts(collection, validation=validation, test=test, seed=seed)
    found = parts.by_name
    if limit is not None:
        found = {
            name: Part(_limited(part.classes, limit, seed), part.origin)
            for name, part in found.items()
        }
    return ImageFolder(
        root=root,
        classes=tuple(found["train"].classes),
        train=_split("train", found["train"]),
        validation=_split("validation", found["validation"]),
        test=_split("test", found["test"]) if "test" in found else None,
        digest=_digest(found, with_labels=not collection.labels_in_paths),
        ignored=parts.ignored,
    )


def _limited(classes: Classes, limit: int, seed: int) -> Classes:
    """The same number of each class, at most `limit` together."""
    if limit < len(classes):
        raise UsageError(
            f"data.limit: {limit} is too small for {len(classes)} classes;"
            f" it counts the images of a split, so at least {len(classes)} are needed"
        )
    each = min(limit // len(classes), *(len(images) for images in classes.values()))
    limited: dict[str, list[FoundImage]] = {}
    for name, images in classes.items():
        chosen = choose(images, each, seed=seed, purpose="limit")
        limited[name] = [image for image in images if image.relative in chosen]
    return limited


def _split(name: str, part: Part) -> Split:
    numbers = [len(images) for images in part.classes.values()]
    return Split(
        name=name,
        paths=tuple(image.path for images in part.classes.values() for image in images),
        labels=np.repeat(np.arange(len(numbers), dtype=np.int64), numbers),
        origin=part.origin,
    )


def _digest(found: Mapping[str, Part], *, with_labels: bool) -> str:
    digest = hashlib.sha256()
    for name, part in found.items():
        for label, images in part.classes.items():
            written = f"{label}\0".encode() if with_labels else b""
            for image in images:
                digest.update(f"{name}\0".encode() + written + os.fsencode(image.relative))
                digest.update(f"\0{image.size}\n".encode())
    return digest.hexdigest()
