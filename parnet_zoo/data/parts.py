"""Which images are trained on, which steer the training, and which are kept for the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.data.class_checks import check_classes, check_same_classes
from parnet_zoo.data.hold_out import hold_out
from parnet_zoo.data.listing import Classes
from parnet_zoo.data.sources.collection import Collection
from parnet_zoo.data.wanted_split import check_wanted
from parnet_zoo.errors import UsageError

TEST_FRACTION = 0.1
"""Of a collection that comes without splits, where the recipe says nothing."""


@dataclass(frozen=True)
class Part:
    """The images of one split.

    Attributes:
        classes: By class.
        origin: How they came to be in it, in words.
    """

    classes: Classes
    origin: str


@dataclass(frozen=True)
class Parts:
    """All splits.

    Attributes:
        by_name: "train", "validation" and, where there is one, "test", in this order.
        ignored: What was passed over.
    """

    by_name: dict[str, Part]
    ignored: tuple[Path, ...]


def make_parts(
    collection: Collection, *, validation: float | str, test: float | str | None, seed: int
) -> Parts:
    """Take the splits that the collection comes with, and draw the others.

    Args:
        collection: The images.
        validation: A fraction, or the name of a split that the collection has.
        test: Likewise; None for the collection's own, or a tenth where it comes without splits.
        seed: Governs what is drawn.

    Returns:
        The splits, with the same classes in each.

    Raises:
        DataError: A split is missing, has too few images, or other classes than the others.
        UsageError: The wishes make no sense, alone or for this collection.
    """
    check_wanted("data.validation", validation)
    if test is not None:
        check_wanted("data.test", test)
    return _Partition(collection, seed).of(validation, test)


class _Partition:
    def __init__(self, collection: Collection, seed: int) -> None:
        self._collection = collection
        self._seed = seed
        self._source = "" if collection.whole else "train"
        self._train = collection.listing(self._source)
        check_classes(self._train)
        self._listings = {self._source: self._train}

    def of(self, validation: float | str, test: float | str | None) -> Parts:
        named: dict[str, Part] = {}
        fractions: dict[str, float] = {}
        # The test images are drawn first: those of an earlier run are never trained on only because
        # the validation split was changed.
        for split, wanted in (("test", self._test(test)), ("validation", validation)):
            if isinstance(wanted, str):
                named[split] = self._own(split, wanted)
            elif wanted is not None and self._collection.insists_on(split):
                named[split] = self._own(split, split)
            elif wanted is not None:
                fractions[split] = wanted
        parts = named | self._drawn(fractions)
        order = ("train", "validation", "test")
        return Parts({name: parts[name] for name in order if name in parts}, tuple(self._ignored()))

    def _test(self, test: float | str | None) -> float | str | None:
        """The wish for a test split, with its default filled in."""
        collection = self._collection
        if test is None:
            if collection.whole:
                return TEST_FRACTION
            return "test" if collection.has("test") else None
        if isinstance(test, float | int) and collection.has("test"):
            raise UsageError(
                f"data.test: {test} would be split off, but {collection.root} comes with test"
                f" images ({collection.title('test')}); leave data.test out to use them"
            )
        return test

    def _own(self, split: str, name: str) -> Part:
        """A split that the collection comes with."""
        if self._collection.whole:
            raise UsageError(
                f"data.{split}: {self._collection.root} comes without splits, so there is no"
                f" {name!r}; give the part that is to be split off, such as 0.1"
            )
        if name not in self._listings:
            listing = self._collection.listing(name)
            check_same_classes(listing, name, self._train)
            self._listings[name] = listing
        return Part(self._listings[name].classes, self._collection.title(name))

    def _drawn(self, fractions: dict[str, float]) -> dict[str, Part]:
        """The splits that are drawn, and what stays to train on."""
        if sum(fractions.values()) >= 1:
            raise UsageError(
                "data.validation and data.test: nothing would be left to train on, together they"
                f" are {sum(fractions.values()):g} of the images; allowed is less than 1"
            )
        title = self._collection.title(self._source)
        drawn = hold_out(self._train, fractions, self._seed)
        origins = {
            name: f"{100 * fraction:g}% of each class of {title}, drawn by seed {self._seed}"
            for name, fraction in fractions.items()
        }
        origins["train"] = f"what is left of {title}" if fractions else title
        return {name: Part(drawn[name], origins[name]) for name in drawn}

    def _ignored(self) -> Iterator[Path]:
        yield from dict.fromkeys(
            path for found in self._listings.values() for path in found.ignored
        )
