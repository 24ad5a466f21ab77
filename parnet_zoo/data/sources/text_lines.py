"""Lines of a text file of any length, which nobody has looked at yet."""

from collections.abc import Iterator
from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError

LONGEST_LINE = 2**16
"""Bytes. A path has 4,096 at most."""
_MARK = b"\xef\xbb\xbf"


class LineError(ValueError):
    """A line cannot be read, and nothing after it is."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file in UTF-8, with or without a byte order mark, with their ends.

    Args:
        path: A file; it is read as it is needed.

    Raises:
        DataError: It cannot be read.
        LineError: A line is too long, or no text in UTF-8.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(LONGEST_LINE + 1):
                number += 1
                yield _decoded(data.removeprefix(_MARK) if number == 1 else data, number)
    except OSError as error:
        raise DataError(f"{escaped(path)} cannot be read: {error.strerror}") from error


def _decoded(data: bytes, number: int) -> str:
    if len(data) > LONGEST_LINE:
        raise LineError(number, f"the line is longer than {LONGEST_LINE} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(number, "this is no text in UTF-8; save the file as UTF-8") from error
