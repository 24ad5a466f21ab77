"""Labelled images as they come, before they are made into the splits of a training."""

from pathlib import Path
from typing import Protocol

from parnet_zoo.data.listing import Listing


class Collection(Protocol):
    """A folder, an archive or a list of images.

    Attributes:
        root: Its path as it was given.
        whole: Whether it comes without splits: then everything is in the listing "".
        labels_in_paths: Whether an image's relative path tells its class.
    """

    root: Path
    whole: bool
    labels_in_paths: bool

    def has(self, split: str) -> bool:
        """Whether it comes with a split of that name."""

    def listing(self, split: str) -> Listing:
        """The images of a split; of everything, where it comes whole and `split` is "".

        Raises:
            DataError: There is no such split, or it cannot be listed.
        """

    def title(self, split: str) -> str:
        """What a split is, in words, such as `folder test`."""

    def insists_on(self, split: str) -> bool:
        """Whether its own split of that name counts where the recipe has a fraction instead."""
