"""Opening a checkpoint that may be anything."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from parnet_zoo.networks.checkpoints.errors import CheckpointError


@contextmanager
def open_checkpoint(path: Path) -> Iterator[BufferedReader]:
    """Open a file, and put its name before whatever turns out to be wrong with it.

    Raises:
        CheckpointError: It is missing, no regular file, or not to be read.
    """
    try:
        _check_kind(path)
        with path.open("rb") as file:
            yield file
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error}") from error.__cause__
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder, not a file of weights") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_kind(path: Path) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        # To open a named pipe would wait for somebody who writes to it; a device has no end.
        raise CheckpointError("it is no regular file")
