"""Reading a YAML text from a file that may be anything."""

import os
import stat
from pathlib import Path

from parnet_zoo.recipe.errors import Problem, RecipeError

LARGEST_FILE = 64 * 1024
"""Bytes; a recipe has about 3,000."""


def read_source(path: Path, name: str, kind: str = "recipe") -> str:
    """The text of a recipe or of another file like it.

    Args:
        path: The file.
        name: What messages call it.
        kind: What it should be.

    Raises:
        RecipeError: It is missing, no regular file, too large, or no UTF-8 text.
    """
    try:
        # A named pipe would block an ordinary open until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            data = _first_bytes(descriptor, name, kind)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise _refused(name, "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _refused(name, f"cannot be read: {reason}") from None
    if len(data) > LARGEST_FILE:
        raise _refused(name, f"is larger than {LARGEST_FILE // 1024} KiB, so it is no {kind}")
    return _decoded(data, name)


def _first_bytes(descriptor: int, name: str, kind: str) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise _refused(name, f"is a folder; give a {kind} file in YAML")
    if not stat.S_ISREG(mode):
        raise _refused(name, f"is not a regular file; give a {kind} file in YAML")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(LARGEST_FILE + 1)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8-sig", errors="ignore")
        line, column = position(good, len(good))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text; save the file as UTF-8"
        raise RecipeError([Problem(line, column, name, "", message)]) from None


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column, both from 1, of the character at `index`."""
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


def _refused(name: str, message: str) -> RecipeError:
    return RecipeError([Problem(0, 0, name, "", message)])
