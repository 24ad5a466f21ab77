"""What runs have left in their folders, read without disturbing those that are in work."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parnet_zoo.tracking.run import JOURNAL


@dataclass(frozen=True)
class LeftRun:
    """A run with a folder.

    Attributes:
        directory: The folder.
        run_id: MLflow's id of the run; the local one while MLflow does not know the run.
        local_id: Its name on this machine.
        status: The last that its journal says: "RUNNING", "FINISHED", "KILLED" or "FAILED".
        in_work: Whether a process is working on it now.
        changed: When its journal was last written, in seconds since 1970.
    """

    directory: Path
    run_id: str
    local_id: str
    status: str
    in_work: bool
    changed: float


def left_runs(folder: Path) -> list[LeftRun]:
    """The runs with a folder in `folder`, in the order of the folders' names.

    A journal that is damaged is read as far as it can be.
    """
    if not folder.is_dir():
        return []
    found = (_left(journal) for journal in sorted(folder.glob(f"*/{JOURNAL}")))
    return [run for run in found if run is not None]


def _left(journal: Path) -> LeftRun | None:
    run_id, local_id, status = None, None, "RUNNING"
    try:
        with journal.open("rb") as file:
            for kind, data in map(_entry, file):
                if kind == "run":
                    local_id = str(data.get("local_id"))
                elif kind == "created":
                    run_id = str(data.get("run_id"))
                elif kind == "status":
                    status = str(data.get("status"))
            in_work = _is_locked(file.fileno())
            changed = os.fstat(file.fileno()).st_mtime
    except OSError:
        return None
    if local_id is None:
        return None
    return LeftRun(journal.parent.resolve(), run_id or local_id, local_id, status, in_work, changed)


def _entry(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        match json.loads(line):
            case {"kind": str(kind), "data": dict(data)}:
                return kind, data
    except (ValueError, RecursionError):
        pass
    return "", {}


def _is_locked(handle: int) -> bool:
    if sys.platform == "win32" or os.name == "nt":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False
