"""Whether what was found can be learnt."""

from parnet_zoo.data.listing import Listing
from parnet_zoo.errors import DataError


def check_classes(listing: Listing) -> None:
    """Raise DataError for fewer than two classes and for classes without an image."""
    classes = listing.classes
    if not classes:
        raise DataError(f"{listing} has no class folders; expected is {listing}/CLASS/*.jpg")
    empty = [listing.place(name) for name, images in classes.items() if not images]
    if empty:
        raise DataError(
            f"no image in {', '.join(empty)}: add images (.jpg, .png, ...) or remove the folder"
        )
    if len(classes) == 1:
        raise DataError(
            f"{listing} has one class only, {next(iter(classes))}; a classifier needs at least two"
        )


def check_same_classes(other: Listing, split: str, train: Listing) -> None:
    """Raise DataError unless a split has the classes of `train`, with an image of each."""
    missing = [name for name in train.classes if name not in other.classes]
    unknown = [name for name in other.classes if name not in train.classes]
    if missing or unknown:
        parts = []
        if missing:
            parts.append(f"only in train: {', '.join(missing)}")
        if unknown:
            parts.append(f"only in {split}: {', '.join(unknown)}")
        raise DataError(f"the classes of {other} and {train} differ ({'; '.join(parts)})")
    check_classes(other)
