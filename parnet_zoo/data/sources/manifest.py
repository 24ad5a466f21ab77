"""A list of images and their labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.listing import FoundImage, Listing
from parnet_zoo.data.sources.manifest_rows import READERS, ManifestRow, manifest_rows
from parnet_zoo.data.sources.problems import Problems
from parnet_zoo.errors import DataError

SUFFIXES = tuple(READERS)
_SPLITS = ("train", "validation", "test")
_LONGEST_LABEL = 255


class ManifestCollection:
    """The images that a `.csv`, `.tsv` or `.jsonl` file lists: path, label and perhaps split.

    Paths are relative to the file's folder, or absolute. Each file is looked for, none is opened.

    Args:
        root: The file.

    Raises:
        DataError: The file cannot be read or lists nothing, or lines of it are wrong: the message
            has up to twenty of them, as `file:line: what is wrong`.
    """

    labels_in_paths = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: dict[str, _Rows] = {}
        problems = Problems(root)
        for split, label, image in _Reading(root, problems).images():
            listing = self._listings.setdefault(split, _Rows(root, split=split))
            listing.classes.setdefault(label, []).append(image)
        problems.check()
        self.whole = "" in self._listings
        if not self._listings:
            raise DataError(f"{escaped(root)} lists no images")
        if not (self.whole or self.has("train")):
            raise DataError(f"{escaped(root)} has no line with the split train")
        for listing in self._listings.values():
            listing.sort()

    def has(self, split: str) -> bool:
        """See `Collection`."""
        return split in self._listings

    def listing(self, split: str) -> Listing:
        """See `Collection`."""
        if split not in self._listings:
            raise DataError(
                f"{escaped(self.root)} has no line with the split {split}; it has"
                f" {', '.join(self._listings)}"
            )
        return self._listings[split]

    def title(self, split: str) -> str:
        """See `Collection`."""
        return f"the lines with split {split}" if split else "the list"

    def insists_on(self, split: str) -> bool:
        """See `Collection`; who writes a split into a list wants it used."""
        return self.has(split)


@dataclass
class _Rows(Listing):
    """The rows of one split.

    Attributes:
        split: "" where the list has none.
    """

    split: str = ""

    def __str__(self) -> str:
        return f"{escaped(self.folder)}{f' (split {self.split})' if self.split else ''}"

    def place(self, name: str) -> str:
        return f"class {escaped(name)} in {self}"

    def sort(self) -> None:
        """Bring classes and images into their order, which is not the file's."""
        ordered = sorted(self.classes.items())
        self.classes = {
            name: sorted(images, key=lambda image: image.relative) for name, images in ordered
        }


class _Reading:
    """Checks row after row, and notes what is wrong."""

    def __init__(self, root: Path, problems: Problems) -> None:
        self._root = root
        self._folder = os.fspath(root.parent)
        self._problems = problems
        self._seen: dict[str, ManifestRow] = {}
        self._first: ManifestRow | None = None

    def images(self) -> Iterator[tuple[str, str, FoundImage]]:
        """Split, label and image of each row that is right."""
        for row in manifest_rows(self._root, self._problems):
            wrong = self._wrong(row)
            if wrong:
                self._problems.add(row.line, wrong)
                continue
            image, wrong = self._found(row)
            if image is None:
                self._problems.add(row.line, wrong)
            else:
                yield row.split, row.label, image

    def _wrong(self, row: ManifestRow) -> str:
        """What is wrong with a row, before its file is looked for; "" for nothing."""
        if row.split and row.split not in _SPLITS:
            return f"the split {row.split!r} does not fit; allowed are {', '.join(_SPLITS)}"
        first = self._first = self._first or row
        if bool(row.split) != bool(first.split):
            has = "has a split" if first.split else "has none"
            none = "no split" if first.split else f"the split {row.split}"
            return f"{none} here, while line {first.line} {has}; give every line a split, or none"
        if len(row.label) > _LONGEST_LABEL:
            return f"the label is longer than {_LONGEST_LABEL} characters"
        if escaped(row.label) != row.label:
            return f"the label {row.label!r} has control characters"
        return self._twice(row)

    def _twice(self, row: ManifestRow) -> str:
        before = self._seen.setdefault(_normal(row.path), row)
        if before is row:
            return ""
        if before.label != row.label:
            return f"{row.path} is {row.label} here, and {before.label} in line {before.line}"
        if before.split != row.split:
            return f"{row.path} is in {row.split} here, and in {before.split} in line {before.line}"
        return f"{row.path} is in line {before.line} already"

    def _found(self, row: ManifestRow) -> tuple[FoundImage | None, str]:
        place = os.path.join(self._folder, row.path)  # noqa: PTH118  # ten times as fast
        try:
            status = os.stat(place)  # noqa: PTH116  # likewise
        except FileNotFoundError:
            return None, f"there is no file {place}"
        except (OSError, ValueError) as error:  # ValueError: a NUL, or half a character
            reason = getattr(error, "strerror", None) or "this is no path"
            return None, f"{row.path} cannot be found: {reason}"
        if not S_ISREG(status.st_mode):
            return None, f"{place} is no file"
        return FoundImage(Path(place), _normal(row.path), status.st_size), ""


def _normal(path: str) -> str:
    """The same text for the same path, however it is written."""
    return os.path.normpath(path).replace(os.sep, "/")
