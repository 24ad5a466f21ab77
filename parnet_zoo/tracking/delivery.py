"""From the journal to MLflow, in order, in a thread of its own, so that training never waits."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from parnet_zoo.tracking.journal import Entry
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.sender import Refused
from parnet_zoo.tracking.uri import redact
from parnet_zoo.tracking.waiting import Waiting

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
# While a run is ending, or flushed, somebody waits.
_PAUSE_AT_THE_END_SECONDS = 0.5
# A store that answers, but fails this often with one entry, gets the next ones first.
_TRIES_BEFORE_POSTPONING = 3


class Send(Protocol):
    """Writes one entry into the store; raises if it cannot."""

    def __call__(self, entry: Entry, *, uncertain: bool) -> None:
        """See `Sender.send`."""


class Delivery:
    """Delivers entries one after the other and marks each; keeps trying while the store is away.

    One warning is logged when the store is lost, not one an entry.
    """

    def __init__(
        self,
        mark: Mark,
        entries: Iterable[Entry],
        *,
        send: Send,
        probe: Callable[[], None],
        done: Callable[[Entry], None],
        place: str,
    ) -> None:
        """Begin with what an earlier process left.

        Args:
            mark: How far it came.
            entries: The journal's entries so far.
            send: Writes an entry into the store.
            probe: Raises, soon, if the store does not answer.
            done: Called after an entry was delivered and marked.
            place: Where the journal is, for messages.
        """
        self._mark = mark
        self._send, self._probe, self._done = send, probe, done
        self._place = place
        kept = list(entries)
        self._queue = deque(entry for entry in kept if entry.number > mark.delivered)
        self._postponed = {e.number: e for e in kept if e.number in mark.postponed}
        # The process before us may have died between writing one of them and marking it.
        self._uncertain_to = kept[-1].number if kept else 0
        self._tries = 0
        self._outage = False
        self._trouble = ""
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._unmarked = False
        self._ending = False
        self._flushing = 0
        self._abandoned = False
        self._progress = time.monotonic()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="parnet-zoo-tracking", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many entries the store does not have yet."""
        with self._changed:
            return len(self._queue) + len(self._postponed)

    def left(self) -> tuple[Waiting, ...]:
        """These entries, and what the store said last."""
        with self._changed:
            queued = [Waiting(e.number, e.kind, self._trouble) for e in self._queue]
            postponed = [
                Waiting(number, e.kind, self._mark.postponed.get(number, ""), set_aside=True)
                for number, e in self._postponed.items()
            ]
        return tuple(sorted(queued + postponed, key=lambda waiting: waiting.number))

    def add(self, entry: Entry) -> None:
        """Deliver this entry after those before it."""
        with self._changed:
            self._queue.append(entry)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything added so far was tried; whether the store has all of it."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._queue, timeout=seconds)
            self._flushing -= 1
            return not self._queue and not self._postponed

    def finish(self, *, patience: float, patience_with_a_call: float) -> bool:
        """Deliver what is left and stop.

        Args:
            patience: Seconds without progress after which a store that fails is given up.
            patience_with_a_call: The same for a store that has not answered yet, but may still
                (a large file on its way).

        Returns:
            Whether the thread has ended; if not, it still sits in a call and dies with the process.
        """
        with self._changed:
            self._ending = True
            self._progress = time.monotonic()
            self._changed.notify_all()
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=0.05)
                limit = patience if self._outage else patience_with_a_call
                if time.monotonic() - self._progress > limit:
                    break
        finally:
            with self._changed:
                self._abandoned = True
                self._changed.notify_all()
            self._thread.join(timeout=_PAUSE_AT_THE_END_SECONDS)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (entry := self._next()) is not None:
            if not self._deliver(entry):
                self._pause()
        for entry in list(self._postponed.values()):
            while not self._abandoned and not self._deliver(entry):
                self._pause()

    def _next(self) -> Entry | None:
        """The oldest entry; waits for one. None when there is nothing left to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ending or self._abandoned)
            return None if self._abandoned or not self._queue else self._queue[0]

    def _deliver(self, entry: Entry) -> bool:
        """Whether the next entry may be tried."""
        try:
            self._probe()
        except Exception as error:  # any: the thread must outlive whatever the store does
            self._lost(entry, error)
            return False
        try:
            uncertain = entry.number <= self._uncertain_to or entry.number in self._postponed
            self._send(entry, uncertain=uncertain)
        except Refused as error:
            self._postpone(entry, error)
        except Exception as error:  # any, as above: boto, requests, SQLAlchemy, the file system
            self._uncertain_to = max(self._uncertain_to, entry.number)
            self._tries += 1
            if self._tries < _TRIES_BEFORE_POSTPONING:
                self._lost(entry, error)
                return False
            self._postpone(entry, error)
        else:
            self._settle(entry)
        return True

    def _settle(self, entry: Entry) -> None:
        self._remember(lambda: self._mark.settle(entry.number))
        self._done(entry)
        if self._outage:
            _LOG.info("the tracking store answers again")
        self._advance(entry)
        with self._changed:
            self._postponed.pop(entry.number, None)
            self._changed.notify_all()

    def _postpone(self, entry: Entry, error: Exception) -> None:
        if entry.number not in self._postponed:
            _LOG.warning(
                "MLflow does not take the run's %s (entry %d): %s; it stays in %s",
                entry.kind,
                entry.number,
                _first_line(error),
                self._place,
            )
        self._remember(lambda: self._mark.postpone(entry.number, _first_line(error)))
        with self._changed:
            self._postponed[entry.number] = entry
        self._advance(entry)

    def _remember(self, write: Callable[[], None]) -> None:
        """Mark, and go on if the disk is full: an unmarked entry is only looked up once more."""
        try:
            write()
        except OSError as error:
            if not self._unmarked:
                _LOG.warning("what MLflow has cannot be noted in %s: %s", self._place, error)
            self._unmarked = True

    def _advance(self, entry: Entry) -> None:
        with self._changed:
            if self._queue and self._queue[0] is entry:
                self._queue.popleft()
            self._tries = 0
            self._outage = False
            self._trouble = ""
            self._pause_seconds = _FIRST_PAUSE_SECONDS
            self._progress = time.monotonic()
            self._changed.notify_all()

    def _lost(self, entry: Entry, error: Exception) -> None:
        if not self._outage and entry.number not in self._postponed:
            _LOG.warning(
                "%s; the run goes on, and what it logs waits in %s", _first_line(error), self._place
            )
        self._outage, self._trouble = True, _first_line(error)

    def _pause(self) -> None:
        """Wait before the next try: longer each time, but not while somebody waits."""
        with self._changed:
            hurry = self._hurry()
            seconds = _PAUSE_AT_THE_END_SECONDS if hurry else self._pause_seconds
            self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
            self._changed.wait_for(
                lambda: self._abandoned or self._hurry() != hurry, timeout=seconds
            )

    def _hurry(self) -> bool:
        return self._ending or self._flushing > 0


def _first_line(error: Exception) -> str:
    return redact(str(error).strip().split("\n")[0])[:300] or type(error).__name__
