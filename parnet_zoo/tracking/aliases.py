"""Which version carries which alias."""

from __future__ import annotations

from dataclasses import dataclass

CHAMPION, CANDIDATE, PREVIOUS = "champion", "candidate", "previous"


@dataclass(frozen=True)
class Aliases:
    """The aliases of a registered model at one moment.

    Attributes:
        living: Version by alias.
        dead: Likewise, of versions that have been deleted.
    """

    living: dict[str, str]
    dead: dict[str, str]

    @property
    def champion(self) -> str | None:
        """The champion's version; None where there is none, or it has been deleted."""
        return self.living.get(CHAMPION)
