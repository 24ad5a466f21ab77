"""A folder that appears complete or not at all."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ABANDONED_SECONDS = 24 * 3600.0
"""An unfinished folder of this age belongs to a process that was killed."""


@contextmanager
def whole_folder(root: Path, *, abandoned: float = ABANDONED_SECONDS) -> Iterator[Path]:
    """Give a folder to fill, which becomes `root` at the end of the `with` block.

    After an error it is removed. What a killed process has left is removed by a later call.

    Args:
        root: Must not be there, or be an empty folder.
        abandoned: Seconds after which what is unfinished counts as left by a killed process.

    Raises:
        OSError: It cannot be written, or `root` holds something.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{root.name}-unfinished-"
    _remove_abandoned(root.parent, prefix, abandoned)
    partial = Path(tempfile.mkdtemp(prefix=prefix, dir=root.parent))
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp made it private
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _remove_abandoned(parent: Path, prefix: str, seconds: float) -> None:
    for folder in parent.iterdir():
        if folder.name.startswith(prefix):
            with suppress(FileNotFoundError):  # another process is at it too
                if time.time() - folder.stat().st_mtime > seconds:
                    shutil.rmtree(folder, ignore_errors=True)
