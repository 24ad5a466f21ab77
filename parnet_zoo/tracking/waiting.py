"""An entry that MLflow does not have yet."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """One line of a journal and what keeps it.

    Attributes:
        number: The line.
        kind: Of the entry.
        reason: Why it has not been delivered; empty where nothing speaks against it.
        set_aside: Whether those after it go first, since the store took others and not this one.
    """

    number: int
    kind: str
    reason: str
    set_aside: bool = False
