"""An array on disk."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ZEROS = bytes(2**20)
_NOT_OFFERED = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}
"""What file systems without such a call answer."""


def mapped_file(directory: Path, shape: tuple[int, ...], *, reserve: int) -> NDArray[np.uint8]:
    """A zeroed array in a file without a name, which is gone with the process however that ends.

    Args:
        directory: Where the file goes; made if missing.
        shape: Of the array.
        reserve: Bytes that must stay free on that disk.

    Raises:
        OSError: The disk has no room for it, or cannot be written.
    """
    needed = int(np.prod(shape, dtype=np.int64))
    directory.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(directory).free < needed + reserve:
        raise OSError(errno.ENOSPC, f"fewer than {(needed + reserve) / 1e9:.1f} GB are free there")
    with tempfile.TemporaryFile(dir=directory) as file:
        # np.memmap wants a size above zero.
        _allocate(file.fileno(), max(needed, 1))
        array: NDArray[np.uint8] = np.memmap(file, np.uint8, "r+", shape=(max(needed, 1),))
        return array[:needed].reshape(shape).view(np.ndarray)


def _allocate(descriptor: int, count: int) -> None:
    """Take the room now: a full disk met later, through the map, would kill the process."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, count)
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
        else:
            return
    offset = 0
    while offset < count:
        offset += os.pwrite(descriptor, _ZEROS[: count - offset], offset)
