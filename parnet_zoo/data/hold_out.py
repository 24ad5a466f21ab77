"""Seeded, stratified splits."""

from __future__ import annotations

from collections.abc import Mapping

from parnet_zoo.data.listing import FoundImage, Listing
from parnet_zoo.data.selection import choose
from parnet_zoo.errors import DataError


def hold_out(
    listing: Listing, fractions: Mapping[str, float], seed: int
) -> dict[str, dict[str, list[FoundImage]]]:
    """Take fractions off each class.

    Every choice is made by hashes of seed, split and relative path, and the splits are drawn one
    after the other: the first one does not depend on the fractions of those that follow.

    Args:
        listing: Every class has an image.
        fractions: Of all images of a class, by the name of the split; between 0 and 1 each. Of each
            class every split gets one image at least, and one at least stays.
        seed: Any integer.

    Returns:
        The images of each split by class, and what stays as `train`; in the listing's order.

    Raises:
        DataError: A class has too few images.
    """
    parts: dict[str, dict[str, list[FoundImage]]] = {name: {} for name in ("train", *fractions)}
    for name, images in listing.classes.items():
        if len(images) <= len(fractions):
            raise _too_few(listing.place(name), len(images), list(fractions))
        left = images
        for later, (split, fraction) in enumerate(fractions.items(), start=1 - len(fractions)):
            most = len(left) - 1 + later  # one for each later split, and one that stays
            count = min(max(round(fraction * len(images)), 1), most)
            chosen = choose(left, count, seed=seed, purpose=split)
            parts[split][name] = [image for image in left if image.relative in chosen]
            left = [image for image in left if image.relative not in chosen]
        parts["train"][name] = left
    return parts


def _too_few(place: str, count: int, splits: list[str]) -> DataError:
    images = "one image" if count == 1 else f"{count} images"
    return DataError(
        f"{place} has {images} only: too few to split {' and '.join(splits)} images off"
    )
