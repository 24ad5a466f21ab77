"""How many threads to work with."""

import os

_MOST = 16
"""Each holds batches in memory, and no network is fed faster by more."""


def worker_count() -> int:
    """Threads that decode and augment: one for each core this process may use, 2 to 16."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(max(cores, 2), _MOST)
