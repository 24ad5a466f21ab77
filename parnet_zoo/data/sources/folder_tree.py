"""A folder of pictures on disk."""

import os
from pathlib import Path

from parnet_zoo.data.listing import Listing, entries, file_size, is_image, list_images


class FolderTree:
    """A `Tree` on disk; links are followed.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folders(self) -> list[str]:
        """See `Tree`."""
        names = (entry.name for entry in entries(self.root))
        return [name for name in names if not name.startswith(".") and self.is_folder(name)]

    def is_folder(self, inside: str) -> bool:
        """See `Tree`."""
        return os.path.isdir(self.root / inside)  # noqa: PTH112  # Path's raises for some links

    def holds_images(self, inside: str) -> bool:
        """See `Tree`."""
        try:
            with os.scandir(self.root / inside) as found:
                return any(is_image(entry.name) and file_size(entry) is not None for entry in found)
        except OSError:
            return False

    def listing(self, inside: str) -> Listing:
        """See `Tree`."""
        return list_images(self.root, inside)
