"""Names of files and folders as text that can be printed and written anywhere."""

import os
from pathlib import Path
from unicodedata import category

_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def escaped(name: str | Path) -> str:
    r"""The name with control characters, line ends and bytes that are no UTF-8 as escapes.

    Names of files are bytes. Where they are no UTF-8, Python's text has surrogates, which cannot be
    encoded again: such a byte becomes `\xNN`, as a line end becomes `\n`.
    """
    return "".join(map(_shown, os.fspath(name)))


def _shown(character: str) -> str:
    if _FIRST_BYTE <= ord(character) <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    if category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
