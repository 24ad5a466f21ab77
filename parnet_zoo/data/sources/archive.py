"""A tar archive whose members are read where they lie; nothing is unpacked."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.sources.tar_headers import TarHeader, tar_headers
from parnet_zoo.errors import DataError

MOST_BYTES = 64 * 2**20 + 1
"""Read of one member at most: one byte more than the decoder takes, so that it refuses what is
longer. A test holds both together."""
_COMPRESSED = {
    b"\x1f\x8b": "gunzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ\0": "unxz",
    b"(\xb5/\xfd": "unzstd",
}


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One regular file in an archive. It answers to `read_bytes`, `name` and `str` as a Path does.

    Attributes:
        archive: Where it lies.
        inside: Its path in the archive, without `./`.
        size: Bytes.
        offset: Where its bytes begin in the archive's file.
        pieces: Of a sparse file, what is stored of it: position in the file and number of bytes;
            they follow each other from `offset` on, and the rest is zeros. None for any other.
    """

    archive: Archive
    inside: str
    size: int
    offset: int
    pieces: tuple[tuple[int, int], ...] | None = None

    def __str__(self) -> str:
        return f"{self.archive.path}/{self.inside}"

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.inside.rpartition("/")[2]

    def read_bytes(self) -> bytes:
        """The first `MOST_BYTES` bytes; may be called from several threads at once.

        Raises:
            OSError: The archive cannot be read, or has become shorter.
        """
        wanted = min(self.size, MOST_BYTES)
        if self.pieces is None:
            return self.archive.read(self.offset, wanted)
        data, offset = bytearray(wanted), self.offset
        for position, count in self.pieces:
            needed = min(count, wanted - position)
            if needed > 0:
                data[position : position + needed] = self.archive.read(offset, needed)
            offset += count
        return bytes(data)


class Archive:
    """An open archive and the index of what is in it.

    Names of members are normalised; of several members with one name the last one counts, as it
    does for `tar`. The file stays open for as long as the archive or one of its members is in use.

    Args:
        path: A plain tar file: ustar, GNU or pax.

    Attributes:
        path: As it was given.
        members: Regular files by their path in the archive.
        folders: Paths of all folders, also of those that are only parts of a file's path.
        ignored: Names of links, devices, pipes and of members whose path is absolute or leads up.

    Raises:
        DataError: It cannot be read, is compressed, damaged or cut off, or is no tar archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, ArchiveMember] = {}
        self.folders: set[str] = set()
        self.ignored: list[str] = []
        self._descriptor = _opened(path)
        weakref.finalize(self, os.close, self._descriptor)
        _refuse_compressed(path, os.pread(self._descriptor, 8, 0))
        for header in tar_headers(path, self._descriptor):
            self._add(header)

    def read(self, offset: int, count: int) -> bytes:
        """Bytes of the archive's file, read without moving any position: threads may share it.

        Raises:
            OSError: It cannot be read, or has become shorter.
        """
        parts = []
        while count > 0:
            part = os.pread(self._descriptor, count, offset)
            if not part:
                raise OSError(0, f"{escaped(self.path)} has become shorter")
            parts.append(part)
            offset += len(part)
            count -= len(part)
        return b"".join(parts)

    def _add(self, header: TarHeader) -> None:
        inside = _inside(header.name)
        if inside is None or header.kind == "other":
            self.ignored.append(header.name)
        elif header.kind == "folder":
            self._add_folder(inside)
        elif inside:
            member = ArchiveMember(self, inside, header.size, header.offset, header.pieces)
            self.members[inside] = member
            self._add_folder(inside.rpartition("/")[0])

    def _add_folder(self, inside: str) -> None:
        while inside and inside not in self.folders:
            self.folders.add(inside)
            inside = inside.rpartition("/")[0]


def _opened(path: Path) -> int:
    try:
        # Not to hang on a pipe: that is only told from a file once it is open.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise DataError(f"the archive {escaped(path)} cannot be read: {error.strerror}") from error
    if not S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{escaped(path)} is no file")
    return descriptor


def _refuse_compressed(path: Path, start: bytes) -> None:
    for magic, program in _COMPRESSED.items():
        if start.startswith(magic):
            raise DataError(
                f"{escaped(path)} is compressed, so its images cannot be read one by one;"
                f" decompress it to a plain .tar ({program}), or unpack it into a folder"
            )


def _inside(name: str) -> str | None:
    """A member's path without `./` and doubled slashes; None where it leads out of the archive."""
    if name.startswith("/"):
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else "/".join(parts)
