"""Copies of artifacts that wait for their delivery."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from parnet_zoo.errors import TrackingError

_ROOM_AND_NAME = 2


class Spool:
    """A folder of copies: the originals may change or vanish before the store takes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copy(self, source: Path) -> str:
        """Copy a file or a folder (without this spool, should it be inside).

        Returns:
            The copy's path below the spool, to be written into the journal.

        Raises:
            TrackingError: The disk is full, or the source cannot be read.
        """
        if source.is_dir():
            return self._keep(source.resolve().name, lambda target: self._copy_tree(source, target))
        return self._keep(source.name, lambda target: shutil.copyfile(source, target))

    def write(self, name: str, text: str) -> str:
        """Keep a text as a file in UTF-8; returns as `copy` does.

        Raises:
            TrackingError: The disk is full.
        """
        # Paths that are no UTF-8 cannot be encoded; a text that names one is written all the same.
        encoded = text.encode("utf-8", "backslashreplace")
        return self._keep(name, lambda target: target.write_bytes(encoded))

    def path(self, copy: str) -> Path:
        """Where a copy lies.

        Raises:
            TrackingError: Nowhere in the spool: the journal was tampered with.
        """
        path = Path(copy)
        if len(path.parts) != _ROOM_AND_NAME or ".." in path.parts or path.is_absolute():
            raise TrackingError(f"the journal names '{copy}', which is no copy of ours")
        return self.folder / path

    def discard(self, copy: str) -> None:
        """Delete a delivered copy."""
        shutil.rmtree(self.path(copy).parent, ignore_errors=True)

    def keep_only(self, copies: Iterable[str]) -> None:
        """Delete all others: a crash came between their delivery, or their entry, and this."""
        wanted = {self.path(copy).parent.name for copy in copies}
        if self.folder.is_dir():
            for room in self.folder.iterdir():
                if room.name not in wanted:
                    shutil.rmtree(room, ignore_errors=True)

    def _keep(self, name: str, write: Callable[[Path], object]) -> str:
        room = self.folder / uuid.uuid4().hex
        try:
            room.mkdir(parents=True)
            write(room / name)
            _sync(room / name)
        except OSError as error:
            shutil.rmtree(room, ignore_errors=True)
            reason = error.strerror or str(error)[:200]
            raise TrackingError(
                f"no copy of {name} for MLflow in {self.folder}: {reason}"
            ) from error
        return f"{room.name}/{name}"

    def _copy_tree(self, source: Path, target: Path) -> None:
        own = self.folder.resolve()

        def ignored(folder: str, names: list[str]) -> list[str]:
            return [name for name in names if Path(folder, name).resolve() == own]

        shutil.copytree(source, target, ignore=ignored)


def _sync(target: Path) -> None:
    """Bring a copy to the disk before the journal speaks of it."""
    files = [target] if target.is_file() else [p for p in target.rglob("*") if p.is_file()]
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
