"""An image where it lies: a file, or a member of an archive."""

from pathlib import Path
from typing import TypeAlias

from parnet_zoo.data.sources.archive import ArchiveMember

ImageFile: TypeAlias = Path | ArchiveMember
"""Both have `read_bytes()` and `name`, and `str()` of them is what to show."""


def encoded(image: ImageFile) -> Path | bytes:
    """The image as the decoder takes it, which then looks to its limits.

    Args:
        image: A file, or a member of an archive.

    Returns:
        The path of a file, which the decoder opens itself, or the bytes of a member.

    Raises:
        OSError: The archive cannot be read.
    """
    return image if isinstance(image, Path) else image.read_bytes()
