"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from parnet_zoo.networks.checkpoints.errors import CheckpointError


@contextmanager
def whole_file(target: Path, suffix: str) -> Iterator[Path]:
    """A name to write to inside the `with`; only what is complete gets the name of the target.

    Args:
        target: Replaced if it exists.
        suffix: Of the name to write to, for writers that look at it.

    Raises:
        CheckpointError: It cannot be written: no room, no permission.
    """
    unfinished = target.with_name(f".{uuid4().hex}{suffix}")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise CheckpointError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
