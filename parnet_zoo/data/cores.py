"""How many threads to work with."""

from parnet_zoo.usable_cores import usable_cores

_MOST = 16
"""Each holds batches in memory, and no network is fed faster by more."""


def worker_count() -> int:
    """Threads that decode and augment: one for each core this process may use, 2 to 16."""
    return min(max(usable_cores(), 2), _MOST)
