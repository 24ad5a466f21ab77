"""Which alias a new version gets."""

from collections.abc import Callable
from typing import Literal

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.registered import aliased_version
from parnet_zoo.tracking.store import open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri

_CHAMPION, _CANDIDATE, _PREVIOUS = "champion", "candidate", "previous"
_TRIES = 5


def assign_alias(
    name: str,
    version: str | int,
    *,
    promote: Literal["never", "if_better"],
    is_better: Callable[[str], bool] | None,
    trial: bool = False,
) -> str:
    """Give a new version its alias.

    The first version of a model becomes `champion`. Later ones become `candidate`; with
    `promote="if_better"` a version that is better than the champion takes its place, and the old
    champion keeps the alias `previous`.

    MLflow cannot move an alias on a condition. So the champion is read again right before and
    right after the change; if another process was faster, the new champion is what this version
    is compared with.

    Args:
        name: The registered model.
        version: The new version.
        promote: The rule.
        is_better: Gets the champion's `models:/NAME/VERSION`; whether the new version is better.
        trial: Whether it is only a trial: then it is a candidate, also where it is the first.

    Returns:
        The alias that the version has now: "champion" or "candidate".

    Raises:
        TrackingError: The store does not answer, has no such version, or the champion changes
            faster than it can be compared with.
    """
    version = str(version)
    if trial:
        _move(name, {_CANDIDATE: version})
        return _CANDIDATE
    for _ in range(_TRIES):
        champion = aliased_version(name, _CHAMPION)
        if champion == version:
            return _CHAMPION
        if champion is not None and not _wins(name, champion, promote, is_better):
            _move(name, {_CANDIDATE: version})
            return _CANDIDATE
        if aliased_version(name, _CHAMPION) != champion:
            continue
        _crown(name, version, champion)
        if aliased_version(name, _CHAMPION) == version:
            return _CHAMPION
    raise TrackingError(f"the champion of '{name}' keeps changing: promote version {version} later")


def _wins(
    name: str,
    champion: str,
    promote: Literal["never", "if_better"],
    is_better: Callable[[str], bool] | None,
) -> bool:
    return (
        promote == "if_better" and is_better is not None and is_better(f"models:/{name}/{champion}")
    )


def _crown(name: str, version: str, champion: str | None) -> None:
    # `previous` first: a crash between the two must not lose sight of the old champion.
    if champion is not None:
        _move(name, {_PREVIOUS: champion})
    _move(name, {_CHAMPION: version})
    if aliased_version(name, _CANDIDATE) == version:
        uri = tracking_uri()
        with speaking_of(uri):
            open_client(uri).delete_registered_model_alias(name, _CANDIDATE)


def _move(name: str, aliases: dict[str, str]) -> None:
    uri = tracking_uri()
    client = open_client(uri)
    with speaking_of(uri):
        for alias, version in aliases.items():
            client.set_registered_model_alias(name, alias, version)
