"""A folder of pictures, on disk or in an archive, in one of its two layouts."""

from __future__ import annotations

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.listing import Listing
from parnet_zoo.data.sources.no_images import no_images
from parnet_zoo.data.sources.tree import Tree
from parnet_zoo.errors import DataError

TRAIN = "train"
_LIKE_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "holdout"}


class FolderCollection:
    """`root/train/CLASS/*`, perhaps with other splits beside `train`; or `root/CLASS/*` alone.

    A root with a folder `train` is always the first. The second is a root of which two folders or
    more have images directly in them and none has a split's name: what may be splits under other
    names, or folders of data sets, is never taken for classes.

    Args:
        tree: The folders.

    Raises:
        DataError: It has neither layout.
    """

    labels_in_paths = True

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.root = tree.root
        self.whole = not tree.is_folder(TRAIN)
        if self.whole:
            self._check_whole()

    def has(self, split: str) -> bool:
        """See `Collection`."""
        return not self.whole and self._tree.is_folder(split)

    def listing(self, split: str) -> Listing:
        """See `Collection`."""
        if not (self.whole or self._tree.is_folder(split)):
            raise _no_folder(self._tree, split)
        listing = self._tree.listing(split)
        _check_names(listing)
        if split == TRAIN and not listing.classes and self._tree.holds_images(split):
            raise self._train_is_a_class()
        return listing

    def title(self, split: str) -> str:
        """See `Collection`."""
        return f"folder {split}" if split else "the class folders"

    def insists_on(self, split: str) -> bool:  # noqa: ARG002  # the protocol's
        """See `Collection`; folders beside `train` are only used where the recipe names them."""
        return False

    def _check_whole(self) -> None:
        tree = self._tree
        folders = tree.folders()
        splits = [name for name in folders if name.lower() in _LIKE_SPLITS]
        classes = [name for name in folders if tree.holds_images(name)]
        if splits and len(folders) > 1:
            raise DataError(
                f"there is no folder {TRAIN} in {escaped(tree.root)}, but there are"
                f" {_some(splits)}: rename the split with the training images to {TRAIN}; or, if"
                f" these are classes, move all class folders into {escaped(tree.root / TRAIN)}"
            )
        if len(classes) <= 1 or tree.root.absolute().name == TRAIN:
            raise _no_folder(tree, TRAIN)

    def _train_is_a_class(self) -> DataError:
        train = escaped(self.root / TRAIN)
        others = [
            name
            for name in self._tree.folders()
            if name.lower() not in _LIKE_SPLITS and self._tree.holds_images(name)
        ]
        if others:
            return DataError(
                f"{train} holds images and no class folders: if {TRAIN} is a class like"
                f" {_some(others)}, move all of them into {train}, this one as"
                f" {escaped(self.root / TRAIN / TRAIN)}"
            )
        return DataError(
            f"{train} has no class folders; expected is {train}/CLASS/*.jpg, and the images lie"
            " directly in it; for a list of labels use a .csv or .jsonl file"
        )


def _no_folder(tree: Tree, split: str) -> DataError:
    """Say what is expected where a folder is missing."""
    wrong = f"there is no folder {split} in {escaped(tree.root)}{_hint(tree, split)}"
    return no_images(tree.root, wrong, split)


def _check_names(listing: Listing) -> None:
    """Raise DataError for class names that would spoil what they are written into."""
    strange = [listing.place(name) for name in listing.classes if escaped(name) != name]
    if strange:
        raise DataError(
            "the name of a class folder must be text in UTF-8 without control characters:"
            f" {', '.join(strange)}; rename it"
        )


def _hint(tree: Tree, split: str) -> str:
    """What was probably meant, where the root looks like a part of the expected layout."""
    folders, root = tree.folders(), tree.root.absolute()
    if root.name == split and any(tree.holds_images(name) for name in folders):
        return f" (is {escaped(root.parent)} meant?)"
    inside = [name for name in folders if tree.is_folder(f"{name}/{TRAIN}")]
    if inside:
        return f" (is {escaped(tree.root / inside[0])} meant?)"
    return ""


def _some(names: list[str]) -> str:
    shown = 3
    return ", ".join(map(escaped, names[:shown])) + (" ..." if len(names) > shown else "")
