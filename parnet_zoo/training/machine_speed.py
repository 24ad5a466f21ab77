"""How fast the processor is, found by a short measurement."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from threading import Thread

from parnet_zoo.training.precision import cpu_precision
from parnet_zoo.usable_cores import usable_cores

SECONDS = 0.3
_SIDE, _STACK = 64, 64
# One thread does a product of this size in every BLAS. Several would wait for each other, and on a
# busy machine the waiting would be measured.


@dataclass(frozen=True)
class MachineSpeed:
    """A processor in numbers.

    Attributes:
        cores: Those that this process may use.
        core_flops: Floating point operations that one of them does in a second of its time, in
            products of matrices in float32.
        free: The part of all cores' time that can be had beside what else is running, up to 1.
        precision: What `precision: auto` means on it.
    """

    cores: int
    core_flops: float
    free: float
    precision: str


@functools.cache
def machine_speed() -> MachineSpeed:
    """Measure for a third of a second, once a process, and look the rest up."""
    cores = usable_cores()
    meters = [_Meter() for _ in range(cores)]
    threads = [Thread(target=meter.run) for meter in meters]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    spent = sum(meter.seconds for meter in meters)
    return MachineSpeed(
        cores=cores,
        core_flops=sum(meter.operations for meter in meters) / spent,
        free=min(1.0, spent / (cores * seconds)),
        precision=cpu_precision(),
    )


class _Meter:
    """What one thread does in the time."""

    def __init__(self) -> None:
        self.operations = 0
        self.seconds = 0.0
        """Of the processor's time, not of the clock's."""

    def run(self) -> None:
        import numpy as np

        left = np.full((_STACK, _SIDE, _SIDE), 1e-3, np.float32)
        product = np.empty_like(left)
        np.matmul(left, left, out=product)  # the first one wakes the processor up
        end, began = time.perf_counter() + SECONDS, time.thread_time()
        while not self.operations or time.perf_counter() < end:
            np.matmul(left, left, out=product)
            self.operations += 2 * _STACK * _SIDE**3
        self.seconds = max(time.thread_time() - began, 1e-6)
