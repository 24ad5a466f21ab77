"""When a command began, by the clock and by the processor."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Start:
    """The beginning of a command; a process may see several, as in a notebook.

    Attributes:
        clock: `time.monotonic()` then.
        processor: `time.process_time()` then.
    """

    clock: float = field(default_factory=time.monotonic)
    processor: float = field(default_factory=time.process_time)

    def seconds(self) -> float:
        """Wall-clock seconds since."""
        return time.monotonic() - self.clock

    def cpu_seconds(self) -> float:
        """Processor seconds of this process since."""
        return time.process_time() - self.processor
