"""The members of a zip archive, read one by one under limits; nothing is unpacked by name."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from parnet_zoo.data.download.member_name import check_member_name
from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

MOST_MEMBERS = 200_000
_FOLDER_OR_FILE = (0, stat.S_IFREG, stat.S_IFDIR)


class SafeZip:
    """An open archive, all of whose members have been looked at.

    Args:
        path: The archive.
        largest: Bytes that all members together may say they have.

    Raises:
        DataError: It is no zip archive, or holds a path that leaves its folder, a link or a device,
            or too much.
    """

    def __init__(self, path: Path, *, largest: int) -> None:
        self._name = escaped(path.name)
        try:
            self._file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(f"{self._name} is no zip archive, or is damaged: {error}") from error
        try:
            self._check(largest)
        except DataError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Paths of all files, in the archive's order."""
        return [info.filename for info in self._file.infolist() if not info.is_dir()]

    def read(self, name: str, *, largest: int) -> bytes | None:
        """The bytes of a file; None where it is corrupt or has more than `largest`."""
        info = self._file.getinfo(name)
        if info.file_size > largest:
            return None
        try:
            # Reads no more than it says it has, and checks its checksum.
            return self._file.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
            return None

    def _check(self, largest: int) -> None:
        infos = self._file.infolist()
        if len(infos) > MOST_MEMBERS:
            raise DataError(f"{self._name} has {len(infos):,} members, more than {MOST_MEMBERS:,}")
        for info in infos:
            check_member_name(info.filename, self._name)
            if stat.S_IFMT(info.external_attr >> 16) not in _FOLDER_OR_FILE:
                raise DataError(
                    f"{self._name} holds a link or a device, {escaped(info.filename)}; nothing of"
                    " it is used"
                )
        total = sum(info.file_size for info in infos)
        if total > largest:
            raise DataError(
                f"{self._name} unpacks to {total:,} bytes, more than the limit of {largest:,}"
            )
