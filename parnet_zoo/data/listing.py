"""The images of one split folder, class by class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".jp2", ".j2k")
IMAGE_SUFFIXES = (*_JPEG, ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Suffixes of image files, lower case. Case does not matter."""


@dataclass(frozen=True)
class FoundImage:
    """One image file.

    Attributes:
        path: Where it is: the root as it was given, and the relative path.
        relative: Path below the root, with forward slashes: its name in digests and seeded choices,
            so that moving the root changes nothing.
        size: Bytes.
    """

    path: Path
    relative: str
    size: int


@dataclass
class Listing:
    """What one split folder holds.

    Attributes:
        folder: The split folder.
        classes: Images of each class folder, in the order of their relative paths; class names
            sorted.
        ignored: Files that are hidden, have another suffix or are no regular file, and hidden
            folders.
    """

    folder: Path
    classes: dict[str, list[FoundImage]] = field(default_factory=dict)
    ignored: list[Path] = field(default_factory=list)


def list_images(root: Path, split: str) -> Listing:
    """List `root/split/CLASS/**`.

    Folders inside a class folder belong to that class. Symbolic links are followed, each folder
    once a class, so a link that leads back up ends there. The result does not depend on the order
    in which the file system names its entries.

    Args:
        root: The folder of the data set.
        split: Name of a folder in it, such as "train".

    Returns:
        Every class folder, also empty ones.

    Raises:
        DataError: A folder cannot be listed.
    """
    listing = Listing(root / split)
    for entry in _entries(listing.folder):
        if entry.name.startswith(".") or not _is_directory(entry):
            listing.ignored.append(Path(entry.path))
            continue
        images = list(_walk(root, Path(entry.path), listing.ignored, set()))
        listing.classes[entry.name] = sorted(images, key=lambda image: image.relative)
    return listing


def _walk(
    root: Path, folder: Path, ignored: list[Path], seen: set[tuple[int, int]]
) -> Iterator[FoundImage]:
    """Yield the images in and below `folder`; `seen` holds device and inode of visited folders."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.name.startswith("."):
            ignored.append(path)
        elif _is_directory(entry):
            yield from _walk(root, path, ignored, seen)
        elif path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            yield FoundImage(path, path.relative_to(root).as_posix(), entry.stat().st_size)
        else:
            ignored.append(path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"the folder {escaped(folder)} cannot be listed: {error.strerror}"
        ) from error


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
