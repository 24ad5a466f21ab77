"""What takes the place of a delivery while a run is offline: everything stays in the journal."""

from __future__ import annotations

from collections.abc import Iterable

from parnet_zoo.tracking.journal import Entry
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.waiting import Waiting

_WHY = "the run is offline"


class Held:
    """Counts entries and sends nothing; see `Delivery`."""

    def __init__(self, mark: Mark, entries: Iterable[Entry]) -> None:
        self._entries = [entry for entry in entries if mark.is_open(entry.number)]

    @property
    def waiting(self) -> int:
        """How many entries the store does not have yet."""
        return len(self._entries)

    def left(self) -> tuple[Waiting, ...]:
        """These entries."""
        return tuple(Waiting(entry.number, entry.kind, _WHY) for entry in self._entries)

    def add(self, entry: Entry) -> None:
        """Keep this entry after those before it."""
        self._entries.append(entry)

    def flush(self, seconds: float) -> bool:
        """Whether there is nothing to send; no time makes a difference."""
        del seconds
        return not self._entries

    def finish(self, *, patience: float, patience_with_a_call: float) -> bool:
        """Nothing is under way."""
        del patience, patience_with_a_call
        return True
