"""Which files a set of pictures has, also where training would refuse the set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parnet_zoo.data.check.finding import Finding
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import scan
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.data.listing import Listing
from parnet_zoo.data.sources.archive_tree import ArchiveTree
from parnet_zoo.data.sources.folder_tree import FolderTree
from parnet_zoo.data.sources.no_images import no_images
from parnet_zoo.data.sources.open_collection import open_collection
from parnet_zoo.data.sources.tree import Tree
from parnet_zoo.errors import DataError, ParnetZooError

_VALIDATION = 0.1
_TRAIN, _TEST = "train", "test"
_LIST_SPLITS = (_TRAIN, "validation", _TEST)
UNSPLIT = "all"
"""Name of the one split of a set that comes without any."""


@dataclass(frozen=True)
class SourceFile:
    """An image file.

    Attributes:
        path: Where it is.
        relative: Its name in messages: below the root, in the archive, or as the list has it.
        split: Its split's folder, such as "train".
        label: Its class.
    """

    path: ImageFile
    relative: str
    split: str
    label: str


@dataclass
class Source:
    """What is to be checked.

    Attributes:
        root: As it was given.
        files: Every image file, by split, class and path.
        counts: Files of each class of each split, empty classes too.
        ignored: Files and hidden folders that training passes over.
        findings: What is wrong with the layout.
    """

    root: Path
    files: list[SourceFile] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    ignored: list[Path] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Names of all classes of all splits, sorted."""
        return sorted({name for counts in self.counts.values() for name in counts})


def find_files(root: Path) -> Source:
    """Find the images of a folder, an archive or a list; no image is opened.

    Args:
        root: Whatever `data.root` of a recipe may be, also where training would refuse it for its
            layout, for a class without images, or for classes that are not in every split.

    Raises:
        DataError: There is nothing at `root`, or it cannot be read at all.
    """
    source = Source(root)
    try:
        for split, listing in _listings(root):
            _add(source, split, listing)
    except OSError as error:
        raise DataError(f"{escaped(root)} cannot be read: {error.strerror}") from error
    if not source.files and _TRAIN not in source.counts:
        raise no_images(root, f"there are no pictures in {escaped(root)}")
    try:
        scan(root, validation=_VALIDATION, seed=0)
    except ParnetZooError as error:
        sentence = str(error).splitlines()[0].rstrip(":")
        source.findings.append(Finding("layout", "error", sentence))
    return source


def _listings(root: Path) -> Iterator[tuple[str, Listing]]:
    """Each split by name, training first and test last; one without a name if there are none."""
    if root.is_dir():
        yield from _of_tree(FolderTree(root))
    elif root.is_file() and root.suffix.lower() == ".tar":
        yield from _of_tree(ArchiveTree(root))
    else:
        collection = open_collection(root)
        if collection.whole:
            yield UNSPLIT, collection.listing("")
        for split in _LIST_SPLITS:
            if collection.has(split):
                yield split, collection.listing(split)


def _of_tree(tree: Tree) -> Iterator[tuple[str, Listing]]:
    if not tree.is_folder(_TRAIN):
        yield UNSPLIT, tree.listing("")
        return
    listings = {name: tree.listing(name) for name in tree.folders()}
    for name in sorted(listings, key=lambda name: (name != _TRAIN, name == _TEST, name)):
        # Other folders beside train may be anything; with class folders in it, it is a split.
        if name == _TRAIN or listings[name].classes:
            yield name, listings[name]


def _add(source: Source, split: str, listing: Listing) -> None:
    source.counts[split] = Counter({name: len(found) for name, found in listing.classes.items()})
    source.ignored += listing.ignored
    source.files += [
        SourceFile(image.path, image.relative, split, label)
        for label, images in listing.classes.items()
        for image in images
    ]


def below(image: ImageFile, root: Path) -> str:
    """An image's path below the folder, in the archive, or from the list's folder, to be shown."""
    if not isinstance(image, Path):
        return image.inside
    for folder in (root, root.parent):
        if image.is_relative_to(folder):
            return image.relative_to(folder).as_posix()
    return image.as_posix()
