"""How much memory there is: the machine's, or its container's where that is less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class MachineMemory:
    """Memory in bytes.

    Attributes:
        total: What this process and its neighbours can have together.
        available: What of it can be had now; files that are only cached do not count as used.
        reachable: What is available and what this process has already: what it has given up again
            may still count as its own.
        contained: Whether a container's limit decides, not the machine's size.
    """

    total: int
    available: int
    reachable: int
    contained: bool = False

    @property
    def owner(self) -> str:
        """Whose memory it is, for messages."""
        return "this container" if self.contained else "this machine"


def machine_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> MachineMemory:
    """Look at the machine and at the limits of the container that this process is in.

    Args:
        cgroups: Where Linux shows its control groups, of either version.
        own: The file that names those of this process.
    """
    import psutil

    machine = psutil.virtual_memory()
    total, available = machine.total, machine.available
    for limit, used in _limits(cgroups, own):
        total = min(total, limit)
        available = min(available, max(0, limit - used))
    reachable = min(total, available + psutil.Process().memory_info().rss)
    return MachineMemory(total, available, reachable, contained=total < machine.total)


@dataclass(frozen=True)
class _Files:
    """Where one version of control groups keeps its numbers."""

    limit: str
    used: str
    cached: tuple[str, ...]


_VERSION_1 = _Files(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)
_VERSION_2 = _Files("memory.max", "memory.current", ("inactive_file", "active_file"))


def _limits(cgroups: Path, own: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each group that holds this process and has a limit."""
    for folder, files in _groups(cgroups, own):
        with suppress(OSError, ValueError):  # no such group here, or no limit ("max")
            limit = int((folder / files.limit).read_text())
            used = int((folder / files.used).read_text())
            yield limit, used - _cached(folder / "memory.stat", files.cached)


def _groups(cgroups: Path, own: Path) -> Iterator[tuple[Path, _Files]]:
    """Every group from this process' own up to the root.

    Inside a container the names may be those of the host, and only the root is to be seen.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers:
            root, files = cgroups, _VERSION_2
        elif "memory" in controllers.split(","):
            root, files = cgroups / "memory", _VERSION_1
        else:
            continue
        path = Path(name.lstrip("/"))
        for group in (path, *path.parents):
            yield root / group, files


def _cached(stat: Path, names: tuple[str, ...]) -> int:
    """Bytes of files that the kernel gives up as soon as memory is wanted."""
    values = dict(line.split() for line in stat.read_text().splitlines())
    return sum(int(values[name]) for name in names if name in values)
