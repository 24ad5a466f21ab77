"""What a folder of pictures and an archive of one have in common."""

from pathlib import Path
from typing import Protocol

from parnet_zoo.data.listing import Listing


class Tree(Protocol):
    """Folders with images in them.

    Attributes:
        root: The folder, or the archive.
    """

    root: Path

    def folders(self) -> list[str]:
        """Names of the folders directly in the root that are not hidden, sorted."""

    def is_folder(self, inside: str) -> bool:
        """Whether there is such a folder below the root; slashes lead further down."""

    def holds_images(self, inside: str) -> bool:
        """Whether images lie directly in that folder."""

    def listing(self, inside: str) -> Listing:
        """The class folders in that folder, or in the root where `inside` is "".

        Raises:
            DataError: It cannot be listed.
        """
