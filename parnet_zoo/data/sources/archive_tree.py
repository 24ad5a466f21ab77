"""A folder of pictures in a tar archive."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.data.listing import FoundImage, Listing, is_image
from parnet_zoo.data.sources.archive import Archive, ArchiveMember

SPLIT = "train"


class ArchiveTree:
    """A `Tree` in an archive, which looks as the folder would that it was made of.

    Where everything lies in one top folder, as in `tar -cf pets.tar pets`, that is taken as the
    root, unless it is called `train`.

    Args:
        root: The archive.

    Raises:
        DataError: It cannot be read, is compressed, damaged or cut off, or is no tar archive.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._archive = Archive(root)
        self._with_images = {
            name.rpartition("/")[0] for name in self._archive.members if is_image(name)
        }
        self._top = ""
        folders = self.folders()
        if len(folders) == 1 and folders != [SPLIT]:
            self._top = f"{folders[0]}/"

    def folders(self) -> list[str]:
        """See `Tree`."""
        below = (folder.removeprefix(self._top) for folder in self._below(self._archive.folders))
        return sorted(name for name in below if "/" not in name and not name.startswith("."))

    def is_folder(self, inside: str) -> bool:
        """See `Tree`."""
        return self._top + inside in self._archive.folders

    def holds_images(self, inside: str) -> bool:
        """See `Tree`."""
        return self._top + inside in self._with_images

    def listing(self, inside: str) -> Listing:
        """See `Tree`."""
        listing = Listing(self.root / inside)
        prefix = f"{inside}/" if inside else ""
        found: dict[str, list[FoundImage]] = {
            name: [] for name in self._class_folders(prefix) if not name.startswith(".")
        }
        listing.ignored += [Path(f"{self.root}/{name}") for name in self._archive.ignored]
        for path in self._below(self._archive.members):
            relative = path.removeprefix(self._top)
            if not relative.startswith(prefix):
                continue
            folder, _, rest = relative.removeprefix(prefix).partition("/")
            if rest and folder in found and _is_shown(rest):
                found[folder].append(_found(self._archive.members[path], relative))
            else:
                listing.ignored.append(self.root / relative)
        for name in sorted(found):
            listing.classes[name] = sorted(found[name], key=lambda image: image.relative)
        return listing

    def _class_folders(self, prefix: str) -> list[str]:
        start = self._top + prefix
        below = (
            name.removeprefix(start) for name in self._archive.folders if name.startswith(start)
        )
        return [name for name in below if "/" not in name]

    def _below(self, names: set[str] | dict[str, ArchiveMember]) -> list[str]:
        return [name for name in names if name.startswith(self._top)]


def _is_shown(path: str) -> bool:
    """Whether the path leads to an image and through no hidden folder."""
    return is_image(path) and not any(part.startswith(".") for part in path.split("/"))


def _found(member: ArchiveMember, relative: str) -> FoundImage:
    return FoundImage(member, relative, member.size)
