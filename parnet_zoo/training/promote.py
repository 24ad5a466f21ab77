"""A registered version as the new champion, if it deserves it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from parnet_zoo.tracking.promotion import Decision, assign_alias
from parnet_zoo.tracking.version_origin import version_origin
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.promoting.contender import Contender


class Promotion(BaseModel):
    """What became of a version that was to be promoted.

    Attributes:
        model_uri: `models:/NAME/VERSION`.
        name: Registered model.
        version: Its number.
        promoted: Whether it is champion now.
        alias: "champion", "candidate" or None: the alias that it has.
        champion: The model's champion now; None without one.
        previous: The champion whose place it took.
        forced: Whether `force` overrode the gate or the comparison.
        reason: Why, with the numbers.
        details: The numbers by name, as they are written on the version as tags
            (`parnet_zoo.promotion.*`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_uri: str
    name: str
    version: int
    promoted: bool
    alias: str | None
    champion: int | None
    previous: int | None
    forced: bool
    reason: str
    details: dict[str, str]


def promote(
    model_uri: str,
    *,
    data: Path | None = None,
    force: bool = False,
    quiet: bool = False,
) -> Promotion:
    """Make a version champion if it passes its recipe's gate and beats the champion.

    Both are measured now, on the same images: those that `data` names, or else the validation
    images of the version's own run. A version that was trained on a limited set of images
    (`data.limit`, smoke) takes no champion's place.

    What was decided, with the numbers, by whom and when, is written on the version. The champion
    before it becomes `previous`; a version that does not win keeps the aliases that it has.

    Args:
        model_uri: `models:/NAME/VERSION` or `models:/NAME@ALIAS`.
        data: A folder, archive or list of images: the split `test`, else `validation`, or all of
            it where it comes without splits.
        force: Make it champion whatever the gate and the comparison say, which is noted.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: The address names no version; it is none of this project; its run does not say
            on which images it was trained; or it knows other classes than the images.
        DataError: The images are gone or have changed, or cannot be read.
        TrackingError: The store does not answer, or has no such version.
    """
    progress = Progress(quiet=quiet)
    contender = Contender(version_origin(model_uri), data, progress, force=force)
    name, version = contender.origin.name, contender.origin.version
    decision = assign_alias(name, version, contender.judge, otherwise="as_it_was")
    return _promotion(contender.origin.uri, decision)


def _promotion(uri: str, decision: Decision) -> Promotion:
    tags = {tag.rpartition(".")[2]: value for tag, value in decision.tags.items()}
    return Promotion(
        model_uri=uri,
        name=decision.name,
        version=int(decision.version),
        promoted=decision.champion == decision.version,
        alias=decision.alias,
        champion=_number(decision.champion),
        previous=_number(decision.previous),
        forced="forced" in tags,
        reason=decision.reason,
        details=tags,
    )


def _number(version: str | None) -> int | None:
    return None if version is None else int(version)
