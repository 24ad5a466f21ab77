"""A file from a server, whole and the right one, however often the connection breaks."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import URLError

from parnet_zoo.data.download.connection import open_url
from parnet_zoo.data.download.origin import Origin
from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

TRIES = 6
"""In a row that bring nothing new."""
_LONGEST_WAIT = 30.0
_CHUNK = 2**18
_OK, _PARTIAL, _BEYOND_END = 200, 206, 416
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")

Progress = Callable[[int, int | None], None]


def fetch(
    origin: Origin,
    folder: Path,
    *,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Get an archive; what a call that was broken off has left is used by the next.

    A part is continued only where the server confirms that the file is still the same (If-Range,
    with its ETag or date); everything else starts over. In the end the SHA-256 decides.

    Args:
        origin: What to get.
        folder: Where the archive, or the part of it, is kept; it is created.
        progress: Called with bytes there and bytes in all, as far as that is known.
        say: Called with a sentence when a connection has broken.
        sleep: Waits between tries.

    Returns:
        The archive's file.

    Raises:
        DataError: The server refuses or does not answer, the disk is full, or what came is another
            file.
    """
    archive = folder / origin.archive
    part = _Part(folder / f"{origin.archive}.part", origin)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (archive.is_file() and _digest(archive) == origin.sha256):
            attempts = _Attempts(part, say or (lambda _sentence: None), sleep)
            attempts.receive(progress or (lambda _done, _total: None))
            _check(part)
            part.path.rename(archive)
            part.forget()
    except OSError as error:
        raise DataError(
            f"{escaped(archive)} cannot be written: {error.strerror or error}"
        ) from error
    return archive


@dataclass
class _Part:
    """What has come so far, and which version of the file it is of."""

    path: Path
    origin: Origin

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def _notes(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def validator(self) -> str | None:
        """What tells the server which version the part is of."""
        with suppress(OSError, ValueError, AttributeError):
            notes = json.loads(self._notes.read_text("utf-8"))
            validator = notes.get("validator")
            if notes.get("url") == self.origin.url and isinstance(validator, str):
                return validator
        return None

    def start_over(self, response: HTTPResponse | None = None) -> None:
        """Drop what there is, and remember the version of what comes now."""
        self.forget()
        etag = response.headers.get("ETag") if response else None
        if etag is None or etag.startswith("W/"):  # a weak one may stand for other bytes
            etag = response.headers.get("Last-Modified") if response else None
        if etag is not None:
            notes = {"url": self.origin.url, "validator": etag}
            self._notes.write_text(json.dumps(notes), "utf-8")

    def forget(self) -> None:
        for path in (self.path, self._notes):
            path.unlink(missing_ok=True)


class _BrokenOffError(Exception):
    """A connection that ended too early; the message says how."""


@dataclass
class _Attempts:
    """Tries, until all is there or several in a row have brought nothing new."""

    part: _Part
    say: Callable[[str], None]
    sleep: Callable[[float], None]

    def receive(self, progress: Progress) -> None:
        most, tries = self.part.size, 0
        while True:
            try:
                return _continue(self.part, progress)
            except (_BrokenOffError, HTTPException, OSError) as error:
                reason = _reason(error)
            size = self.part.size
            tries = 1 if size > most else tries + 1
            most = max(most, size)
            if tries >= TRIES:
                raise self._given_up(reason)
            wait = min(2.0**tries, _LONGEST_WAIT)
            self.say(f"{reason}; trying again in {wait:.0f} s")
            self.sleep(wait)

    def _given_up(self, reason: str) -> DataError:
        kept = ""
        if self.part.size:
            kept = f"; {self.part.size:,} bytes are kept, and the same command goes on from there"
        url = self.part.origin.url
        return DataError(f"{url}: {reason}; given up after {TRIES} tries without progress{kept}")


def _reason(error: Exception) -> str:
    """What broke a connection, in words; errors that trying again does not mend are raised."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, OSError) and cause.errno in _DISK_ERRORS:
        raise error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return str(cause) or type(cause).__name__


def _continue(part: _Part, progress: Progress) -> None:
    """One request: append what it brings, or begin anew where it begins anew."""
    have, validator = part.size, part.validator()
    headers = {"User-Agent": "parnet-zoo", "Accept-Encoding": "identity"}
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    with open_url(part.origin.url, headers) as response:
        start, total = _extent(response)
        if response.status == _BEYOND_END:
            if total != have:
                part.start_over()
                raise _BrokenOffError("the file on the server has changed")
            return
        _check_size(part.origin, total)
        if response.status == _OK:
            part.start_over(response)
        elif start != have:
            part.start_over()
            raise _BrokenOffError("the server sent another part than was asked for")
        _append(part, response, total, progress)


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """At which byte an answer begins, and how many the whole file has."""
    if response.status == _OK:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None:
        return -1, None
    start, total = found.groups()
    return int(start or -1), int(total) if total != "*" else None


def _check_size(origin: Origin, total: int | None) -> None:
    if total is None:
        return
    if origin.size is not None and total != origin.size:
        raise DataError(
            f"{origin.url} offers {total:,} bytes, but {origin.archive} has {origin.size:,}: it is"
            " another file"
        )
    if total > origin.largest:
        raise DataError(f"{origin.url} offers {total:,} bytes; the limit is {origin.largest:,}")


def _append(part: _Part, response: HTTPResponse, total: int | None, progress: Progress) -> None:
    done, limit = part.size, part.origin.size or part.origin.largest
    with part.path.open("ab") as file:
        while data := response.read(_CHUNK):
            done += len(data)
            if done > limit:
                raise DataError(
                    f"{part.origin.url} sends more than the {limit:,} bytes that"
                    f" {part.origin.archive} may have"
                )
            file.write(data)
            progress(done, total)
    wanted = total if total is not None else part.origin.size
    if wanted is not None and done < wanted:
        raise _BrokenOffError(f"the connection ended after {done:,} of {wanted:,} bytes")


def _check(part: _Part) -> None:
    """Raise DataError unless it is the right file; a wrong one is removed."""
    digest = _digest(part.path)
    if digest != part.origin.sha256:
        part.forget()
        raise DataError(
            f"{part.origin.url} is not {part.origin.archive}: its SHA-256 is {digest}, not"
            f" {part.origin.sha256}; it was removed"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
