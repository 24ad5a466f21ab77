"""A full disk, told in one sentence wherever in a run it shows."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parnet_zoo.errors import ParnetZooError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system says where no more can be written: no room, over the quota, too large a file."""


@contextmanager
def full_disk_in_words(directory: Path) -> Iterator[None]:
    """Say it in words where something inside the `with` fails because no more can be written.

    Args:
        directory: Named where the system does not tell which file it was.

    Raises:
        ParnetZooError: No more can be written; nothing of what was saved before is harmed.
    """
    try:
        yield
    except ParnetZooError:
        raise
    except Exception as error:
        cause = _full(error)
        if cause is None:
            raise
        reason = os.strerror(cause.errno or errno.ENOSPC)
        raise ParnetZooError(
            f"{cause.filename or directory} cannot be written: {reason}; what was saved before is"
            " whole: make room, then resume the run"
        ) from error


def _full(error: BaseException | None) -> OSError | None:
    """The system's own error, which an archive that cannot be closed may have covered."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in FULL:
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None
