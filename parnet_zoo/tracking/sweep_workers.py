"""The processes that work on a sweep, and which of them are gone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from uuid import uuid4

from parnet_zoo.tracking.process import Host, is_gone, process_identity

WORKER_TAG = "parnet_zoo.worker."
BEAT_SECONDS = 30.0
"""From one sign of life to the next."""
LEASE_SECONDS = 600.0
"""A process of another host without a sign of life for so long counts as gone."""


@dataclass(frozen=True)
class Worker:
    """A process that works on a sweep.

    Attributes:
        name: Its own, never used twice.
        host: Where it runs.
        process: Which process that is; see `process_identity`.
        beat: Signs of life so far; -1 once it has left.
    """

    name: str
    host: str
    process: str
    beat: int = 0

    @classmethod
    def here(cls) -> Self:
        """This process."""
        identity = process_identity(os.getpid()) or str(os.getpid())
        return cls(uuid4().hex[:12], str(Host.here()), identity)

    @classmethod
    def parse(cls, name: str, text: str) -> Self | None:
        """Read a tag's text; None if it is something else."""
        try:
            match json.loads(text):
                case {"host": str(host), "process": str(process), "beat": int(beat)}:
                    return cls(name, host, process, beat)
        except (ValueError, RecursionError):
            pass
        return None

    def to_tag(self) -> str:
        """The tag's text."""
        return json.dumps({"host": self.host, "process": self.process, "beat": self.beat})


@dataclass
class Watch:
    """Tells which workers are gone, by looking at their tags again and again.

    Processes of this host are looked at themselves. Those of others count as gone when their tag
    has not changed for `LEASE_SECONDS`, by this process' own clock, since hosts' clocks differ.
    Time in which MLflow could not be asked does not count: they could not write either.

    Attributes:
        clock: Seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    _asked: float | None = None

    def gone(self, tags: Mapping[str, str]) -> set[str]:
        """The names of those that are gone, and of those that never said who they are.

        Args:
            tags: Of the sweep's run, as they are now.
        """
        now, here = self.clock(), Host.here()
        if self._asked is None or now - self._asked > 3 * BEAT_SECONDS:
            self._seen.clear()
        self._asked = now
        workers = self.workers(tags)
        for worker in workers:
            beat, _ = self._seen.get(worker.name, (None, now))
            if beat != worker.beat:
                self._seen[worker.name] = (worker.beat, now)
        return {worker.name for worker in workers if self._is_gone(worker, here, now)}

    @staticmethod
    def workers(tags: Mapping[str, str]) -> list[Worker]:
        """All that ever worked on it."""
        named = {
            name.removeprefix(WORKER_TAG): text
            for name, text in tags.items()
            if name.startswith(WORKER_TAG)
        }
        found = (Worker.parse(name, text) for name, text in named.items())
        return [worker for worker in found if worker is not None]

    def _is_gone(self, worker: Worker, here: Host, now: float) -> bool:
        if worker.beat < 0:
            return True
        host = Host.parse(worker.host)
        if host is None:
            return True
        if host == here:
            return is_gone(worker.process)
        return here.restarted_since(host) or now - self._seen[worker.name][1] > LEASE_SECONDS
