"""What became of a checkpoint's keys."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from parnet_zoo.networks.checkpoints.printable import printable

SHOWN = 8


class KeyReport(BaseModel):
    """What became of a checkpoint's keys.

    Attributes:
        matched: Loaded.
        missing: Needed by the network, but not in the file.
        unexpected: In the file, but of no use to the network.
        wrong_shape: In both, with different shapes.
    """

    model_config = ConfigDict(frozen=True)

    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, given: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
    ) -> KeyReport:
        """Compare the shapes in a file with those that the network needs, by key."""
        both = given.keys() & wanted.keys()
        fits = {key for key in both if tuple(given[key]) == tuple(wanted[key])}
        return cls(
            matched=tuple(sorted(fits)),
            missing=tuple(sorted(wanted.keys() - given.keys())),
            unexpected=tuple(sorted(given.keys() - wanted.keys())),
            wrong_shape=tuple(sorted(both - fits)),
        )

    @property
    def complete(self) -> bool:
        """Whether every key was used and every weight found."""
        return not (self.missing or self.unexpected or self.wrong_shape)

    def __str__(self) -> str:
        """One line, with the first names of each kind that is wrong."""
        parts = [f"{len(self.matched)} keys match"]
        for title, names in (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of the wrong shape", self.wrong_shape),
        ):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                shown = ", ".join(map(printable, names[:SHOWN]))
                parts.append(f"{len(names)} {title}: {shown}{more}")
        return "; ".join(parts)
