"""Which process on which machine owns a run, in words that stay true after it is gone."""

import hashlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_UNKNOWN = "-"


@dataclass(frozen=True)
class Host:
    """A machine between two starts, as far as its processes can be seen from here.

    Attributes:
        name: Host name.
        machine: Digest of the installation's id, "-" where there is none (many containers).
        boot: Digest of the id of this start.
        processes: The namespace of process ids: containers on one host have their own.
    """

    name: str
    machine: str
    boot: str
    processes: str

    @classmethod
    def here(cls) -> Self:
        """This machine."""
        return cls(
            name=socket.gethostname().replace("/", _UNKNOWN),
            machine=_digest(_read("/etc/machine-id")),
            boot=_digest(_read("/proc/sys/kernel/random/boot_id") or _boot_time()),
            processes=_digest(_link("/proc/self/ns/pid")),
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str(host)` wrote; None if it is something else."""
        parts = text.split("/")
        return cls(*parts) if len(parts) == 4 else None  # noqa: PLR2004  # the fields above

    def __str__(self) -> str:
        """The form that is written as a tag."""
        return f"{self.name}/{self.machine}/{self.boot}/{self.processes}"

    def restarted_since(self, earlier: Self) -> bool:
        """Whether this is the same machine after a restart: all its processes are gone then."""
        same = (self.name, self.machine) == (earlier.name, earlier.machine)
        known = _UNKNOWN not in (self.machine, self.boot, earlier.boot)
        return same and known and self.boot != earlier.boot


def process_identity(pid: int) -> str | None:
    """Process id and start time, which together are never used twice; None if it is gone.

    Where the start time cannot be read (another user's process on a hardened host), only the
    process id is given.
    """
    import psutil

    return _started(pid) if psutil.pid_exists(pid) else None


def is_gone(identity: str) -> bool:
    """Whether the process of this host that had this `process_identity` has ended."""
    pid = identity.split(" ", maxsplit=1)[0]
    if not pid.isascii() or not pid.isdigit() or int(pid) == 0:
        return False
    now = process_identity(int(pid))
    if now is None:
        return True
    readable = " " in now and " " in identity
    return readable and now != identity


def _started(pid: int) -> str | None:
    # psutil's create_time moves when the clock is set; the kernel's own count does not.
    stat = _read(f"/proc/{pid}/stat")
    if stat:
        fields = stat[stat.rindex(")") + 2 :].split(" ")
        zombie = fields[0] in ("Z", "X")
        return None if zombie else f"{pid} {fields[19]}"
    import psutil

    try:
        return f"{pid} {psutil.Process(pid).create_time():.0f}"
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:
        return str(pid)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _boot_time() -> str:
    import psutil

    return f"{psutil.boot_time():.0f}"


def _digest(text: str) -> str:
    # The ids are confidential (machine-id(5)), so only a digest leaves the machine.
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _UNKNOWN
