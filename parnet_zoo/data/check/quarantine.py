"""Bad files moved aside, with a record by which they can be moved back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parnet_zoo.data.check.finding import Finding
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.errors import DataError, UsageError

RECORD = "quarantine.jsonl"
"""In the quarantine's folder: one line before and one after each move."""
_BAD = ("empty", "unreadable")
_COPIES = ("duplicate", "leak", "contradiction")


@dataclass(frozen=True)
class Condemned:
    """A file to be moved, and why, in one sentence."""

    path: Path
    why: str


def condemned(findings: Sequence[Finding], *, copies: bool) -> list[Condemned]:
    """Choose the files to move: those that cannot be read.

    Args:
        findings: Of a check.
        copies: Whether exact copies are moved too: all but the first of a class; of a leak all that
            are not in the last split, so that the test images stay as they are; of a contradiction
            all, since no one knows which label is right.
    """
    chosen: dict[ImageFile, str] = {}
    for finding in findings:
        if finding.kind in _BAD or (copies and finding.kind in _COPIES):
            for path in finding.paths if finding.kind in _BAD else _copies(finding):
                chosen.setdefault(path, finding.sentence)
    return [Condemned(path, why) for path, why in chosen.items() if isinstance(path, Path)]


def _copies(finding: Finding) -> Iterator[ImageFile]:
    """Files that are not needed; a link may make one of them the very file that stays."""
    spare = _spare(finding)
    stay = {os.path.realpath(str(path)) for path in finding.paths if path not in spare}
    yield from (path for path in spare if os.path.realpath(str(path)) not in stay)


def _spare(finding: Finding) -> Sequence[ImageFile]:
    # Files stand in the order of their splits, train first and test last.
    if finding.kind == "contradiction":
        return finding.paths
    return finding.paths[1:] if finding.kind == "duplicate" else finding.paths[:-1]


class Quarantine:
    """A folder for bad files, outside the folder they come from.

    Args:
        folder: New, empty, or a quarantine already.
        root: The folder that was checked.

    Raises:
        UsageError: One of the two lies within the other, or `folder` holds something else.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self._root = root
        self._check()

    def move(self, files: Sequence[Condemned]) -> Iterator[Path]:
        """Move files to their relative paths in the quarantine; none is ever overwritten.

        What is done is recorded first, line by line, and synced: a kill loses nothing, and
        `restore` brings everything back.

        Args:
            files: Below the root. One that a link leads out of the root to is left alone.

        Yields:
            Each file that is no longer where it was, as it was named.

        Raises:
            DataError: A file cannot be moved.
        """
        for file in files:
            if not _lies_in(file.path, self._root):
                continue
            try:
                if os.path.lexists(file.path):  # or it has gone by another way that leads to it
                    self._move(file)
            except OSError as error:
                raise DataError(
                    f"{escaped(file.path)} cannot be moved to {escaped(self.folder)}:"
                    f" {error.strerror}"
                ) from error
            yield file.path

    def _check(self) -> None:
        folder, root = self.folder.resolve(), self._root.resolve()
        if folder.is_relative_to(root):
            raise UsageError(
                f"--quarantine {escaped(self.folder)} lies in {escaped(self._root)}, where its"
                " files would be found again; give a folder outside"
            )
        taken = f"--quarantine {escaped(self.folder)} holds other things; give a new folder"
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--quarantine {escaped(self.folder)} is no folder; give a new one")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file():
            raise UsageError(taken)

    def _move(self, file: Condemned) -> None:
        target = _free(self.folder / file.path.relative_to(self._root))
        target.parent.mkdir(parents=True, exist_ok=True)
        entry = {
            "from": os.fspath(file.path.absolute()),
            "to": os.fspath(target.absolute()),
            "why": file.why,
            "sha256": _digest(file.path),
        }
        _append(self.folder / RECORD, {"action": "move", **entry})
        _rename(file.path, target)
        _append(self.folder / RECORD, {"action": "moved", **entry})


def restore(folder: Path, root: Path) -> list[Path]:
    """Move everything in a quarantine back to where it was; nothing is overwritten.

    Args:
        folder: Of a `Quarantine`.
        root: The folder that it was filled from; files of another one stay.

    Returns:
        The files that are back.

    Raises:
        DataError: There is no record, it cannot be read, or a place is taken by another file.
    """
    record = folder / RECORD
    back: list[Path] = []
    for entry in _moves(record):
        source, target = Path(entry["to"]), Path(entry["from"])
        # The record may be anybody's: it moves nothing but its own files, and only into the root.
        if not (_lies_in(source, folder) and _lies_in(target, root) and os.path.lexists(source)):
            continue
        if os.path.lexists(target):
            raise DataError(
                f"{escaped(source)} cannot go back: there is another file {escaped(target)}"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _rename(source, target)
            _append(record, {**entry, "action": "restored"})
        except OSError as error:
            raise DataError(f"{escaped(target)} cannot be written: {error.strerror}") from error
        back.append(target)
    return back


def _moves(record: Path) -> Iterator[dict[str, Any]]:
    """The intended moves, in order; a line that a kill has cut off came before its move."""
    try:
        lines = record.read_text("utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{escaped(record)} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{escaped(record)} is no record of a quarantine") from error
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            wanted = entry["action"] == "move" and all(
                isinstance(entry[key], str) for key in ("from", "to")
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number == len(lines):
                return
            raise DataError(f"{escaped(record)}:{number} is no line of a quarantine") from error
        if wanted:
            yield entry


def _lies_in(path: Path, folder: Path) -> bool:
    return path.parent.resolve().is_relative_to(folder.resolve())


def _free(path: Path) -> Path:
    """The path, or the first of `name~2.jpg`, `name~3.jpg` ... that is not taken."""
    candidate, number = path, 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_stem(f"{path.stem}~{number}")
    return candidate


def _rename(source: Path, target: Path) -> None:
    """Rename, or copy to another disk; a half copy has a name that ends in `.part`."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = target.with_name(f"{target.name}.part")
        shutil.copy2(source, partial, follow_symlinks=False)
        partial.rename(target)
        source.unlink()


def _append(record: Path, entry: dict[str, Any]) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(entry)}\n")
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path) -> str | None:
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return None
