"""The headers of a tar archive, read so that no archive can mislead or exhaust the reader."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

_MOST_HEADER_BYTES = 2**24
"""Of one header, with the long names and the maps of holes that may be in it."""


@dataclass(frozen=True, slots=True)
class TarHeader:
    """One member.

    Attributes:
        name: As it was written.
        kind: "other" are links, devices and pipes.
        size: Bytes of the file.
        offset: Where they begin in the archive.
        pieces: Of a sparse file, what is stored of it: position in the file and number of bytes;
            they follow each other from `offset` on, and the rest is zeros. None for any other.
    """

    name: str
    kind: Literal["file", "folder", "other"]
    size: int
    offset: int
    pieces: tuple[tuple[int, int], ...] | None

    @property
    def stored(self) -> int:
        """Bytes that it takes in the archive."""
        if self.pieces is None:
            return self.size if self.kind == "file" else 0
        return sum(count for _, count in self.pieces)

    @property
    def makes_sense(self) -> bool:
        """Whether no number is below zero."""
        numbers = (self.size, *(number for piece in self.pieces or () for number in piece))
        return min(numbers) >= 0


def tar_headers(path: Path, descriptor: int) -> Iterator[TarHeader]:
    """Every member of a plain tar archive, in their order.

    Args:
        path: For messages.
        descriptor: The open file.

    Yields:
        Members that are, where they are files, all of them inside the archive.

    Raises:
        DataError: The archive is damaged or cut off, or no archive.
    """
    length, reached = os.fstat(descriptor).st_size, 0
    with _HeaderFile(descriptor, closefd=False) as file:
        try:
            # Any: tarfile comes without types for what is used of it here.
            with closing[Any](tarfile.TarFile(fileobj=file, encoding="utf-8")) as tar:
                while (info := tar.next()) is not None:
                    tar.members.clear()  # it would keep them all
                    header = _checked(path, _header(info), reached)
                    _check_inside(path, header, length)
                    reached = info.offset + 1
                    yield header
                _check_end(path, descriptor, tar.offset)
        except DataError:
            raise
        # tarfile meets broken headers with nearly every exception there is.
        except Exception as error:
            if reached and "unexpected end of data" in str(error):
                raise _cut_off(path) from error
            raise _damaged(path, reached) from error


class _HeaderFile(io.FileIO):
    """What tarfile reads headers from: no header can make it take all memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size) or b""


def _header(info: Any) -> TarHeader:
    kind: Literal["file", "folder", "other"] = "other"
    if info.isreg():
        kind = "file"
    elif info.isdir():
        kind = "folder"
    pieces = None if info.sparse is None else tuple((at, count) for at, count in info.sparse)
    return TarHeader(info.name, kind, info.size, info.offset_data, pieces)


def _checked(path: Path, header: TarHeader, reached: int) -> TarHeader:
    """The header, or DataError for one that would lead the reader back, and so round for ever."""
    if header.offset <= reached or not header.makes_sense:
        raise _damaged(path, reached)
    return header


def _check_inside(path: Path, header: TarHeader, length: int) -> None:
    if header.offset + header.stored > length:
        raise _cut_off(path)


def _check_end(path: Path, descriptor: int, offset: int) -> None:
    """Raise DataError unless the archive ends with its end mark, a block of zeros.

    Without that, an archive that is cut off between two members, or damaged in the middle, would
    look complete: tarfile ends there without a word.
    """
    mark = os.pread(descriptor, tarfile.BLOCKSIZE, offset)
    if offset and len(mark) < tarfile.BLOCKSIZE:
        raise _cut_off(path)
    if any(mark):
        raise _damaged(path, offset)
    if any(os.pread(descriptor, 2 * tarfile.RECORDSIZE, offset)):
        raise DataError(
            f"{escaped(path)} goes on after its end mark, as when two archives are written one"
            " after the other; pack the folder anew with tar -cf"
        )


def _cut_off(path: Path) -> DataError:
    return DataError(f"the archive {escaped(path)} is cut off; copy or download it again")


def _damaged(path: Path, offset: int) -> DataError:
    if offset <= 0:
        return DataError(
            f"{escaped(path)} is no tar archive, or its beginning is damaged; make one with tar -cf"
        )
    return DataError(
        f"the archive {escaped(path)} is damaged near byte {offset:,}; copy or download it again"
    )
