"""The readable images of a split."""

from __future__ import annotations

from parnet_zoo.data.folder import Split
from parnet_zoo.training.images import Images


def readable(images: Images) -> Split:
    """The split without the files that the run could not read."""
    kept = images.store.readable
    split = images.split
    return Split(
        name=split.name,
        paths=tuple(split.paths[index] for index in kept),
        labels=split.labels[kept],
        origin=split.origin,
    )
