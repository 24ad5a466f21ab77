"""Back to the champion before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.aliases import CANDIDATE, CHAMPION, PREVIOUS, Aliases
from parnet_zoo.tracking.promotion_claim import Claim, promotion_claim
from parnet_zoo.tracking.promotion_record import decision_tags
from parnet_zoo.tracking.registry_door import RegistryDoor

_TRIES = 5


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did.

    Attributes:
        name: The registered model.
        champion: The version that is champion again.
        previous: The version that the next rollback would go to; None if there is none.
        rolled_back: The version that was champion; None where that had been deleted.
    """

    name: str
    champion: str
    previous: str | None
    rolled_back: str | None


def roll_back(name: str, check: Callable[[str], None]) -> RolledBack:
    """Make the version with the alias `previous` champion again.

    The alias `previous` goes on to the champion before that one, or away where there was none: so a
    second rollback goes further back, and never forth. The version that was champion keeps no
    alias; what happened is written on it.

    Args:
        name: The registered model.
        check: Called with the version that is to be champion; raises where it cannot be.

    Raises:
        TrackingError: The store does not answer, there is no such model or nothing to go back to,
            or the aliases keep changing.
    """
    door = RegistryDoor(name)
    for _ in range(_TRIES):
        aliases = door.aliases()
        target, rest = _target(door, aliases)
        check(target)
        with promotion_claim(name) as claim:
            if door.aliases() == aliases:
                return _carry_out(door, aliases, target, rest, claim)
    raise TrackingError(f"the aliases of '{name}' keep changing: roll back later")


def _target(door: RegistryDoor, aliases: Aliases) -> tuple[str, list[str]]:
    """The version to go back to, and those before it."""
    champion, previous = aliases.champion, aliases.living.get(PREVIOUS)
    earlier = [] if champion is None else door.history(champion)
    if previous is not None and previous != champion:  # somebody may have moved it by hand
        if champion is None:
            return previous, door.history(previous)
        place = earlier.index(previous) + 1 if previous in earlier else 0
        return previous, earlier[place:]
    for place, version in enumerate(earlier):
        if version != champion and door.has(version):
            return version, earlier[place + 1 :]
    which = "there is no champion" if champion is None else f"version {champion} is the first one"
    raise TrackingError(
        f"'{door.name}' has no champion to go back to: {which}; parnet-zoo promote"
        f" models:/{door.name}/VERSION makes another version champion"
    )


def _carry_out(
    door: RegistryDoor, aliases: Aliases, target: str, rest: list[str], claim: Claim
) -> RolledBack:
    before = [version for version in rest if door.has(version)]
    while before[:1] == [target]:  # what lay between has been deleted
        del before[0]
    claim.check()
    # In this order, a rollback that is killed and done again goes back no further.
    door.write_history(target, before)
    claim.check()
    door.move(CHAMPION, target)
    claim.check()
    if before:
        door.move(PREVIOUS, before[0])
    elif PREVIOUS in aliases.living:
        door.remove(PREVIOUS)
    if aliases.living.get(CANDIDATE) == target:
        door.remove(CANDIDATE)
    _record(door, target, aliases.champion, claim)
    return RolledBack(door.name, target, before[0] if before else None, aliases.champion)


def _record(door: RegistryDoor, target: str, champion: str | None, claim: Claim) -> None:
    claim.check()
    if champion is not None:
        reason = f"rolled back to version {target}"
        door.tag(champion, decision_tags("rolled back", reason, {"rule": "rollback"}))
        reason = f"champion again: version {champion} was rolled back"
    else:
        reason = "champion again: the one after it had been deleted"
    door.tag(target, decision_tags(CHAMPION, reason, {"rule": "rollback"}))
