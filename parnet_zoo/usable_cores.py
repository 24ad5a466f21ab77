"""How many processor cores this process may use."""

import os


def usable_cores() -> int:
    """The cores that the system lets this process run on; at least 1.

    A container's share of processor time is not among it: it shows in how fast they are together.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
