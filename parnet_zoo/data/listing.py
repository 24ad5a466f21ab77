"""The images of one folder, class by class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import TypeAlias

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.errors import DataError

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".jp2", ".j2k")
IMAGE_SUFFIXES = (*_JPEG, ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Suffixes of image files, lower case. Case does not matter."""


def is_image(name: str) -> bool:
    """Whether a file is one of an image by its suffix."""
    return name.lower().endswith(IMAGE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """One image.

    Attributes:
        path: Where it is: a path that begins with the root as it was given, or an archive's member.
        relative: Path below the root, with forward slashes: its name in digests and seeded choices,
            so that moving the root, or packing it into an archive, changes nothing.
        size: Bytes.
    """

    path: ImageFile
    relative: str
    size: int


Classes: TypeAlias = Mapping[str, Sequence[FoundImage]]
"""The images of each class, by name."""


@dataclass
class Listing:
    """What is in one split, or in a data set that comes without splits.

    Attributes:
        folder: Where it is, for messages.
        classes: Images of each class, in the order of their relative paths; class names sorted.
        ignored: Files that are hidden, have another suffix or are no regular file, and hidden
            folders.
    """

    folder: Path
    classes: dict[str, list[FoundImage]] = field(default_factory=dict)
    ignored: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        return escaped(self.folder)

    def place(self, name: str) -> str:
        """Where the images of a class are, for messages."""
        return escaped(self.folder / name)


def list_images(root: Path, split: str) -> Listing:
    """List `root/split/CLASS/**`, or `root/CLASS/**`.

    Folders inside a class folder belong to that class. Symbolic links are followed, each folder
    once a class, so a link that leads back up ends there. The result does not depend on the order
    in which the file system names its entries.

    Args:
        root: The folder of the data set.
        split: Name of a folder in it, such as "train"; "" for the root itself.

    Returns:
        Every class folder, also empty ones.

    Raises:
        DataError: A folder cannot be listed.
    """
    listing = Listing(root / split)
    for entry in entries(listing.folder):
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
    try:
        status = folder.stat()
    except OSError as error:
        raise _not_listed(folder, error) from error
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries(folder):
        path = Path(entry.path)
        if entry.name.startswith("."):
            ignored.append(path)
        elif _is_directory(entry):
            yield from _walk(root, path, ignored, seen)
        elif is_image(entry.name) and (size := file_size(entry)) is not None:
            yield FoundImage(path, path.relative_to(root).as_posix(), size)
        else:
            ignored.append(path)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted by name.

    Raises:
        DataError: It cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise _not_listed(folder, error) from error


def file_size(entry: os.DirEntry[str]) -> int | None:
    """Bytes of a regular file; None for anything else and for a link that leads nowhere."""
    try:
        status = entry.stat()
    except OSError:
        return None
    return status.st_size if S_ISREG(status.st_mode) else None


def _not_listed(folder: Path, error: OSError) -> DataError:
    return DataError(f"the folder {escaped(folder)} cannot be listed: {error.strerror}")


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
