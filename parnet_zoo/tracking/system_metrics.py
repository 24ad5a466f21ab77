"""The load of the machine while a run lives, as MLflow's page for it wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.run import SYSTEM, TrackedRun

_FIRST_SECONDS = 5.0
"""A short run shall have a value too."""
_FIRST_STEP = 1_000_000
"""No epoch has this number: MLflow takes all values at an epoch's step for those of its model."""
_MB = 1e6
_STEP = f"{SYSTEM}cpu_utilization_percentage"


class SystemMetrics:
    """Measures in a thread of its own, inside a `with`, and logs through the run's journal.

    The names are those of MLflow's own monitor, which would write past the journal; beside them
    stand those of this process. The step counts the measurements, also over interruptions. GPUs
    are measured where NVIDIA's library (extra `cuda`) is installed.

    Args:
        run: Where to.
        seconds: From one measurement to the next.
    """

    def __init__(self, run: TrackedRun, seconds: float) -> None:
        self._run = run
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="system metrics", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a measurement that is under way is waited for."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        step = max(self._run.next_step(_STEP), _FIRST_STEP)
        measure = _measurement()
        pause = min(_FIRST_SECONDS, self._seconds)
        while not self._stop.wait(pause):
            pause = self._seconds
            # A full disk is what the training itself will stumble over, and say.
            with suppress(TrackingError):
                self._run.log_metrics(measure(), step)
                step += 1


def _measurement() -> Callable[[], dict[str, float]]:
    """What measures; rates and traffic count from here."""
    import psutil

    process = psutil.Process()
    psutil.cpu_percent()  # from one call to the next
    process.cpu_percent()
    sent_before = psutil.net_io_counters()
    gpus = list(_gpus())

    def measure() -> dict[str, float]:
        memory, disk, sent = (
            psutil.virtual_memory(),
            psutil.disk_usage("."),
            psutil.net_io_counters(),
        )
        found: dict[str, float] = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MB,
            "system_memory_usage_percentage": memory.percent,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / _MB,
            "disk_available_megabytes": disk.free / _MB,
            "process_cpu_percentage": process.cpu_percent(),
            "process_memory_megabytes": process.memory_info().rss / _MB,
        }
        if sent is not None and sent_before is not None:  # no network at all
            found["network_receive_megabytes"] = (sent.bytes_recv - sent_before.bytes_recv) / _MB
            found["network_transmit_megabytes"] = (sent.bytes_sent - sent_before.bytes_sent) / _MB
        for gpu in gpus:
            found |= gpu()
        return {f"{SYSTEM}{name}": value for name, value in found.items()}

    return measure


def _gpus() -> Iterator[Callable[[], dict[str, float]]]:
    """One measurement for each GPU of NVIDIA; none where there is none, or no library for it."""
    try:
        import pynvml
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return
    for number in range(count):
        yield _gpu(pynvml, number)


def _gpu(pynvml: Any, number: int) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            load = pynvml.nvmlDeviceGetUtilizationRates(handle)
            watts = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
        except pynvml.NVMLError:
            return {}
        return {
            f"gpu_{number}_memory_usage_megabytes": memory.used / _MB,
            f"gpu_{number}_memory_usage_percentage": 100 * memory.used / memory.total,
            f"gpu_{number}_utilization_percentage": load.gpu,
            f"gpu_{number}_power_usage_watts": watts,
        }

    return measure
