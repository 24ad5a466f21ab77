"""Which alias a version gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.aliases import CANDIDATE, CHAMPION, PREVIOUS, Aliases
from parnet_zoo.tracking.promotion_claim import Claim, promotion_claim
from parnet_zoo.tracking.promotion_record import decision_tags
from parnet_zoo.tracking.registry_door import RegistryDoor

_TRIES = 20

Otherwise: TypeAlias = Literal["candidate", "candidate_if_free", "as_it_was"]
"""What becomes of a version that does not win: it is `candidate`; or only where the model has none
of the three aliases yet; or it keeps the aliases that it has."""


@dataclass(frozen=True)
class Verdict:
    """What was found out about a version and the champion.

    Attributes:
        wins: Whether the version is to be champion.
        reason: Why, in a sentence with the numbers.
        details: The numbers, by the names of their tags.
    """

    wins: bool
    reason: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What became of a version.

    Attributes:
        name: The registered model.
        version: Its version.
        alias: "champion", "candidate" or None: the alias that it was given or has.
        champion: The model's champion now, a version; None without one.
        previous: The champion before, if it has changed.
        changed: Whether the champion has changed.
        reason: Why.
        details: The numbers.
        tags: What was written on the version.
    """

    name: str
    version: str
    alias: str | None
    champion: str | None
    previous: str | None
    changed: bool
    reason: str
    details: Mapping[str, object]
    tags: Mapping[str, str]


def assign_alias(
    name: str,
    version: str | int,
    judge: Callable[[str | None], Verdict],
    *,
    otherwise: Otherwise = "candidate",
) -> Decision:
    """Let a version become champion if it wins, and write down why.

    The champion before it becomes `previous`; the champions before that stay known for
    `roll_back`.

    The comparison may take minutes, so others are not kept out meanwhile. The aliases are moved
    under a claim that only one process can have (`promotion_claim`), and only if the champion is
    still the one that was compared; if it is another by then, that one is compared.

    Args:
        name: The registered model.
        version: The version.
        judge: Gets the champion's version, None where there is none.
        otherwise: What becomes of a version that does not win.

    Raises:
        TrackingError: The store does not answer, has no such version, or the champion changes
            faster than it can be compared with.
    """
    version, door = str(version), RegistryDoor(name)
    for _ in range(_TRIES):
        aliases = door.aliases()
        champion = aliases.champion
        if champion == version:
            reason = f"version {version} is champion already"
            return Decision(name, version, CHAMPION, version, None, False, reason, {}, {})
        verdict = _with_the_dead(judge(champion), aliases)
        with promotion_claim(name) as claim:
            now = door.aliases()
            if now.champion == champion:
                return _Case(door, version, verdict, now, claim).decide(otherwise)
    raise TrackingError(f"the champion of '{name}' keeps changing: promote version {version} later")


def _with_the_dead(verdict: Verdict, aliases: Aliases) -> Verdict:
    """Say where the champion was deleted."""
    dead = aliases.dead.get(CHAMPION)
    if dead is None:
        return verdict
    reason = f"{verdict.reason} (the champion, version {dead}, has been deleted)"
    return Verdict(verdict.wins, reason, verdict.details)


@dataclass(frozen=True)
class _Case:
    """A version with its verdict, under a claim."""

    door: RegistryDoor
    version: str
    verdict: Verdict
    aliases: Aliases
    claim: Claim

    def decide(self, otherwise: Otherwise) -> Decision:
        if not self.door.has(self.version):
            raise TrackingError(f"'{self.door.name}' has no version {self.version}")
        wins, before = self.verdict.wins, self.aliases.champion
        alias = self._crown() if wins else self._leave(otherwise)
        details = {**self.verdict.details, "replaced": before if wins else None}
        tags = decision_tags(alias or "none", self.verdict.reason, details)
        self.claim.check()
        self.door.tag(self.version, tags)
        return Decision(
            name=self.door.name,
            version=self.version,
            alias=alias,
            champion=self.version if wins else before,
            previous=before if wins else None,
            changed=wins,
            reason=self.verdict.reason,
            details=self.verdict.details,
            tags=tags,
        )

    def _crown(self) -> str:
        """Make it champion, in an order in which a crash loses sight of no champion."""
        before = self.aliases.champion
        self.claim.check()
        earlier = [] if before is None else [before, *self.door.history(before)]
        self.door.write_history(self.version, earlier)
        if before is not None:
            self._move(PREVIOUS)
        self._move(CHAMPION)
        if self.aliases.living.get(CANDIDATE) == self.version:
            self.claim.check()
            self.door.remove(CANDIDATE)
        return CHAMPION

    def _leave(self, otherwise: Otherwise) -> str | None:
        living = self.aliases.living
        taken = {CHAMPION, CANDIDATE, PREVIOUS} & living.keys()
        if otherwise == "candidate" or (otherwise == "candidate_if_free" and not taken):
            self._move(CANDIDATE)
            return CANDIDATE
        return CANDIDATE if living.get(CANDIDATE) == self.version else None

    def _move(self, alias: str) -> None:
        self.claim.check()
        before = self.aliases.champion
        self.door.move(alias, before if alias == PREVIOUS and before else self.version)
