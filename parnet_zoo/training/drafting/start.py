"""The registered version that a training goes on from, where there is a good one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe.weights_source import RegisteredVersion, parse_weights_source
from parnet_zoo.tracking.trained_versions import (
    TrainedVersion,
    trained_version,
    trained_versions,
)
from parnet_zoo.training.drafting.network import LARGEST, SMALLEST
from parnet_zoo.training.drafting.pictures import Pictures

FEW = 200
"""Training pictures a class below which a network does not learn much from random weights."""
_ALIKE, _TOLD = 2, 3
_MANY = 5_000
"""Training pictures in all for which random weights do, however many classes there are."""


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Attributes:
        version: The registered version; None begins with random weights.
        why: The reason.
        warning: What the person should know at once; empty as a rule.
    """

    version: TrainedVersion | None
    why: str
    warning: str = ""

    @property
    def uri(self) -> str | None:
        """The version's address."""
        return self.version.uri if self.version else None

    def model(self) -> dict[str, Any]:
        """The recipe's section with the version's network."""
        if self.version is None:
            raise ValueError("random weights have no network")
        recipe = self.version.recipe
        section = recipe.model.model_dump(
            mode="json", include={"name", "spec", "resolution", "scaling"}, exclude_none=True
        )
        return {**section, "resolution": recipe.spec().resolution, "weights": self.version.uri}

    def data(self) -> dict[str, Any]:
        """Fields of the recipe's `data` that have to be as they were."""
        if self.version is None:
            return {}
        kept = {"resize", "normalization"}
        return self.version.recipe.data.model_dump(mode="json", include=kept)


def find_start(pictures: Pictures, name: str, wanted: str | None) -> Start:
    """The version that is asked for, or the best one where pictures are few, or none.

    Args:
        pictures: What is to be learnt.
        name: Of the new recipe: a version of the same name, as one of the same folder, has seen
            some of the pictures that are to validate.
        wanted: `models:/NAME/VERSION` or `models:/NAME@ALIAS`, if one is asked for.

    Raises:
        UsageError: `wanted` is no such address, or its network cannot be taken.
        TrackingError: The store does not have it, or does not answer.
    """
    if wanted is not None:
        return Start(_asked_for(wanted), "it was asked for")
    each = pictures.train // len(pictures.classes)
    numbers = f"{pictures.train:,} training pictures, {each:,} a class"
    if each >= FEW or pictures.train >= _MANY:
        return Start(None, f"{numbers}, are enough to begin with random weights")
    few = f"{numbers}, are few"
    try:
        found = [
            one
            for one in trained_versions()
            if one.name != name and not _knows(one, pictures) and _can_be_taken(one)
        ]
    except TrackingError as error:
        why = f"{few}, but the store of registered versions could not be asked"
        return Start(None, f"{why}; --from names a version to go on from", f"{why}: {error}")
    usable = [one for one in found if _sees_the_same(one, pictures)]
    if not usable:
        return Start(None, f"{few}, but {_none(found, pictures)}; more pictures would help")
    best = max(usable, key=_worth)
    among = f", the largest network of {len(usable)} such versions" if len(usable) > 1 else ""
    why = (
        f"what {best.uri} has learnt from pictures of {best.recipe.spec().resolution} px is a"
        f" better start than nothing{among}"
    )
    return Start(best, f"{few}: {why}")


def _asked_for(uri: str) -> TrainedVersion:
    try:
        source = parse_weights_source(uri)
    except ValueError as error:
        raise UsageError(f"--from {uri}: {error}") from None
    if not isinstance(source, RegisteredVersion):
        raise UsageError(
            f"--from {uri}: it must be a registered version, models:/NAME/VERSION or"
            " models:/NAME@ALIAS, whose recipe is known; `parnet-zoo train` takes other weights by"
            " --weights"
        )
    version = trained_version(source.name, version=source.version, alias=source.alias)
    if not _can_be_taken(version):
        raise UsageError(
            f"--from {uri}: its network, {version.recipe.spec().name}, has no stages of which the"
            " last can be trained first; take a version of another family"
        )
    return version


def _knows(version: TrainedVersion, pictures: Pictures) -> bool:
    """Whether it was trained on these very pictures, some of which are to validate now."""
    return version.recipe.data_root.resolve() == pictures.folder.root.resolve()


def _can_be_taken(version: TrainedVersion) -> bool:
    spec = version.recipe.spec()
    return bool(spec.stages) and spec.coster is not None


def _sees_the_same(version: TrainedVersion, pictures: Pictures) -> bool:
    """Whether things have about the size in its images that they have in these pictures."""
    side = min(max(pictures.short_side, SMALLEST), LARGEST)
    return side / _ALIKE <= version.recipe.spec().resolution <= side * _ALIKE


def _none(found: list[TrainedVersion], pictures: Pictures) -> str:
    if not found:
        return "no registered version was found to go on from"
    sizes = ", ".join(f"{one.uri} {one.recipe.spec().resolution} px" for one in found[:_TOLD])
    return (
        f"no registered version has seen pictures of this size: half of these have at most"
        f" {pictures.short_side} px on the short side, {sizes}"
    )


def _worth(version: TrainedVersion) -> int:
    """Size of the network: it was made for the larger task."""
    return sum(version.recipe.spec().stages.values())
