"""Whatever `data.root` may be."""

from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.sources.archive_tree import ArchiveTree
from parnet_zoo.data.sources.collection import Collection
from parnet_zoo.data.sources.folder_collection import FolderCollection
from parnet_zoo.data.sources.folder_tree import FolderTree
from parnet_zoo.data.sources.manifest import SUFFIXES, ManifestCollection
from parnet_zoo.data.sources.no_images import no_images
from parnet_zoo.errors import DataError

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lzma", ".z", ".tgz", ".tbz", ".tbz2", ".txz")
_ARCHIVE = ".tar"


def open_collection(root: Path) -> Collection:
    """Look at a folder, an archive or a list; no image is opened.

    Args:
        root: A folder, a `.tar` file, or a `.csv`, `.tsv` or `.jsonl` file.

    Raises:
        DataError: There is no such thing, it is none of these, or it is broken.
    """
    try:
        return _opened(root)
    except OSError as error:
        raise DataError(f"{escaped(root)} cannot be read: {error.strerror}") from error


def _opened(root: Path) -> Collection:
    if root.is_dir():
        return FolderCollection(FolderTree(root))
    suffix = root.suffix.lower()
    if suffix == _ARCHIVE and root.exists():
        return FolderCollection(ArchiveTree(root))
    if suffix in SUFFIXES and root.is_file():
        return ManifestCollection(root)
    raise _neither(root, suffix)


def _neither(root: Path, suffix: str) -> DataError:
    if not root.exists():
        if suffix in (_ARCHIVE, *SUFFIXES):
            return DataError(f"there is no file {escaped(root)}")
        return no_images(root, f"there is no folder {escaped(root)}")
    if suffix in _COMPRESSED:
        return DataError(
            f"{escaped(root)} is compressed, so its images cannot be read one by one; decompress it"
            " to a plain .tar, or unpack it into a folder"
        )
    return no_images(
        root,
        f"{escaped(root)} is no folder, and no file that ends in {_ARCHIVE}, {', '.join(SUFFIXES)}",
    )
