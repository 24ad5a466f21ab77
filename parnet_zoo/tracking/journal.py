"""The record on disk of everything that a run tells MLflow, written before MLflow hears of it."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from parnet_zoo.errors import TrackingError


@dataclass(frozen=True)
class Entry:
    """One line of a journal.

    Attributes:
        number: 1, 2, 3 ... without gaps.
        kind: One of those that `entry_data` knows.
        data: What the kind needs; JSON values only.
    """

    number: int
    kind: str
    data: dict[str, Any]


class Journal:
    """An append-only file of JSON lines, each on the disk before `append` returns.

    One process at a time holds a journal. A line that a crash tore off at the end was never
    acknowledged, so it is dropped when the journal is opened again.

    Attributes:
        path: The file.
        found: The entries that were there when it was opened.
        changed: When it was last written before that, milliseconds since 1970.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal, or begin one.

        Raises:
            TrackingError: Another process holds it, it cannot be written, or a line in its middle
                is damaged.
        """
        self.path = path
        try:
            self._file = path.open("a+b", buffering=0)
            _lock(self._file.fileno(), path)
            self._file.seek(0)
            self.changed = os.fstat(self._file.fileno()).st_mtime_ns // 1_000_000
            lines = self._file.read()
            self.found, self._size = _entries(lines, path)
            if self._size != len(lines):
                self._file.truncate(self._size)
            os.fsync(self._file.fileno())
            sync_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._next = len(self.found) + 1

    def append(self, kind: str, data: dict[str, Any]) -> Entry:
        """Write one entry; when this returns, it survives a crash of process and machine.

        Raises:
            TrackingError: The disk is full, or fails.
        """
        entry = Entry(self._next, kind, data)
        line = json.dumps({"n": entry.number, "kind": kind, "data": data}) + "\n"
        encoded = line.encode()
        try:
            written = self._file.write(encoded)
            if written != len(encoded):
                raise OSError(f"{written} of {len(encoded)} bytes written")  # noqa: TRY301  # handled as what the disk raises
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._size)
            raise _unwritable(self.path, error) from error
        self._size += len(encoded)
        self._next += 1
        return entry

    def close(self) -> None:
        """Let the next process have it."""
        self._file.close()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can do that."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entries(content: bytes, path: Path) -> tuple[tuple[Entry, ...], int]:
    """The entries, and how many bytes of the content they take."""
    found: list[Entry] = []
    size = 0
    lines = content.split(b"\n")[:-1]  # what follows the last line end is torn, or empty
    for position, line in enumerate(lines, start=1):
        entry = _entry(line)
        if entry is None and position == len(lines):
            break  # torn, but with a line end in its rubbish
        if entry is None or entry.number != position:
            raise TrackingError(
                f"{path} is damaged in line {position}: its run cannot be continued; "
                "what MLflow has of it is unharmed"
            )
        found.append(entry)
        size += len(line) + 1
    return tuple(found), size


def _entry(line: bytes) -> Entry | None:
    try:
        match json.loads(line):
            case {"n": int(number), "kind": str(kind), "data": dict(data)}:
                return Entry(number, kind, data)
    except (ValueError, RecursionError):
        pass
    return None


def _lock(handle: int, path: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TrackingError(f"another process is working on the run in {path.parent}") from error


def _unwritable(path: Path, error: OSError) -> TrackingError:
    return TrackingError(f"the run's journal {path} cannot be written: {error.strerror or error}")
