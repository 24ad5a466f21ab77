"""A folder of pictures, one folder for each class, as training, validation and test splits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.listing import IMAGE_SUFFIXES, FoundImage, Listing, list_images
from parnet_zoo.data.selection import choose
from parnet_zoo.errors import DataError, UsageError

_Classes = Mapping[str, Sequence[FoundImage]]


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one split, in a stable order: by class, then by relative path.

    Attributes:
        name: "train", "validation" or "test".
        paths: One for each image.
        labels: Shape (images,), int64: the position of the image's class in the sorted class names.
    """

    name: str
    paths: tuple[Path, ...]
    labels: NDArray[np.int64]

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
        root: The folder as it was given.
        classes: Class names, sorted.
        train: Trained on.
        validation: Steers early stopping, best weights and promotion.
        test: Looked at once, at the end; None where there is no such folder.
        digest: SHA-256 over split, relative path and size in bytes of every image that is used. Not
            over the pixels: cheap enough for each start, and blind to a file that is replaced by
            another one of equal name and size.
        ignored: Files and hidden folders that were passed over: hidden, not an image by their
            suffix, or no regular file.
    """

    root: Path
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split | None
    digest: str
    ignored: tuple[Path, ...]


def scan(
    root: Path, *, validation: float | str, seed: int, limit: int | None = None
) -> ImageFolder:
    """Find the images of `root/train/CLASS/*` and `root/test/CLASS/*`; no image is opened.

    Folders inside a class folder belong to the class. Every choice is made by hashes of seed and
    relative path: the same for any order of the file system and any location of the root.

    Args:
        root: The folder with `train` and perhaps `test` in it.
        validation: A fraction of each class (at least one image, never all) that is taken off the
            training images, or the name of a folder beside `train`, such as "test".
        seed: Governs the validation split and the choice under `limit`.
        limit: Images in each of the splits train, validation and test, `limit // classes` of each
            class, or as many of each as the split's smallest class has. The validation split is
            taken off first and does not depend on the limit: a limited split is a part of the
            unlimited one.

    Returns:
        The three splits.

    Raises:
        DataError: The folder or `train` in it is missing or holds fewer than two classes, a class
            folder has no image, or too few for a validation split, or a name that is no text, or
            two splits differ in classes.
        UsageError: `validation` or `limit` make no sense.
    """
    train = _listing(root, "train")
    _check_classes(train)
    listings = [train]
    if isinstance(validation, str):
        _check_folder_name(validation)
        held: _Classes = _matching(root, validation, train, listings).classes
        kept: _Classes = train.classes
    else:
        held, kept = _hold_out(train, validation, seed)
    test = _matching(root, "test", train, listings).classes if (root / "test").is_dir() else None

    found: dict[str, _Classes] = {"train": kept, "validation": held}
    if test is not None:
        found["test"] = test
    if limit is not None:
        found = {name: _limited(split, limit, seed) for name, split in found.items()}
    ignored = dict.fromkeys(path for listing in listings for path in listing.ignored)
    return ImageFolder(
        root=root,
        classes=tuple(train.classes),
        train=_split("train", found["train"]),
        validation=_split("validation", found["validation"]),
        test=_split("test", found["test"]) if test is not None else None,
        digest=_digest(found),
        ignored=tuple(ignored),
    )


def _listing(root: Path, split: str) -> Listing:
    """List one split of `root`, or say what is expected there."""
    folder = root / split
    if folder.is_dir():
        listing = list_images(root, split)
        _check_names(listing)
        return listing
    if not root.is_dir():
        wrong = f"there is no folder {root}" if not root.exists() else f"{root} is no folder"
    else:
        wrong = f"there is no folder {split} in {root}{_hint(root, split)}"
    raise DataError(
        f"{wrong}; expected is one folder for each class, at least two classes:\n"
        f"  {root / split / 'CLASS'}/*.jpg   (other formats too: .png, .webp, .bmp, ...)\n"
        f"  {root / 'test' / 'CLASS'}/*.jpg   (the same classes; may be missing)"
    )


def _hint(root: Path, split: str) -> str:
    """What was probably meant, where `root` looks like a part of the expected layout."""
    folders = [path.name for path in sorted(root.iterdir()) if _holds_images(path)]
    if root.name == split and folders:
        return f" (is {root.parent} meant?)"
    if len(folders) > 1:
        return f" (are {', '.join(folders[:3])} the classes? then move them into {root / split})"
    return ""


def _holds_images(folder: Path) -> bool:
    if folder.name.startswith(".") or not folder.is_dir():
        return False
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())


def _check_names(listing: Listing) -> None:
    """Raise DataError for class names that would spoil what they are written into."""
    strange = [name for name in listing.classes if escaped(name) != name]
    if strange:
        names = ", ".join(escaped(listing.folder / name) for name in strange)
        raise DataError(
            f"the name of a class folder must be text in UTF-8 without control characters: {names};"
            " rename it"
        )


def _check_classes(listing: Listing) -> None:
    """Raise DataError for fewer than two classes and for classes without an image."""
    classes, folder = listing.classes, listing.folder
    if not classes:
        raise DataError(f"{folder} has no class folders; expected is {folder}/CLASS/*.jpg")
    empty = [str(folder / name) for name, images in classes.items() if not images]
    if empty:
        raise DataError(
            f"no image in {', '.join(empty)}: add images (.jpg, .png, ...) or remove the folder"
        )
    if len(classes) == 1:
        raise DataError(
            f"{folder} has one class only, {next(iter(classes))}; a classifier needs at least two"
        )


def _check_folder_name(name: str) -> None:
    if name in {"", ".", "..", "train"} or Path(name).name != name:
        raise UsageError(
            f"data.validation: {name!r} does not fit; allowed is a fraction between 0 and 1, or the"
            ' name of a folder beside train, such as "validation" or "test"'
        )


def _matching(root: Path, split: str, train: Listing, listings: list[Listing]) -> Listing:
    """List a further split, check that it has the classes of `train`, and add it to `listings`."""
    for listing in listings:
        if listing.folder == root / split:
            return listing
    other = _listing(root, split)
    missing = [name for name in train.classes if name not in other.classes]
    unknown = [name for name in other.classes if name not in train.classes]
    if missing or unknown:
        parts = []
        if missing:
            parts.append(f"only in train: {', '.join(missing)}")
        if unknown:
            parts.append(f"only in {split}: {', '.join(unknown)}")
        raise DataError(
            f"the class folders of {other.folder} and {train.folder} differ ({'; '.join(parts)})"
        )
    _check_classes(other)
    listings.append(other)
    return other


def _hold_out(train: Listing, fraction: float, seed: int) -> tuple[_Classes, _Classes]:
    """Take a fraction off each class; returns what was taken and what stays."""
    if not 0 < fraction < 1:
        raise UsageError(
            f"data.validation: {fraction} does not fit; allowed is a fraction between 0 and 1, or"
            " the name of a folder beside train"
        )
    held: dict[str, list[FoundImage]] = {}
    kept: dict[str, list[FoundImage]] = {}
    for name, images in train.classes.items():
        if len(images) == 1:
            raise DataError(
                f"{train.folder / name} has one image only: too few to split validation images off"
            )
        count = min(max(round(fraction * len(images)), 1), len(images) - 1)
        chosen = choose(images, count, seed=seed, purpose="validation")
        held[name] = [image for image in images if image.relative in chosen]
        kept[name] = [image for image in images if image.relative not in chosen]
    return held, kept


def _limited(classes: _Classes, limit: int, seed: int) -> _Classes:
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


def _split(name: str, classes: _Classes) -> Split:
    numbers = [len(images) for images in classes.values()]
    return Split(
        name=name,
        paths=tuple(image.path for images in classes.values() for image in images),
        labels=np.repeat(np.arange(len(numbers), dtype=np.int64), numbers),
    )


def _digest(found: Mapping[str, _Classes]) -> str:
    digest = hashlib.sha256()
    for name, classes in found.items():
        for images in classes.values():
            for image in images:
                digest.update(f"{name}\0".encode() + os.fsencode(image.relative))
                digest.update(f"\0{image.size}\n".encode())
    return digest.hexdigest()
