"""Names of files and folders as text that can be printed and written anywhere."""

from unicodedata import category

_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def escaped(name: object) -> str:
    r"""The name with control characters, line ends and bytes that are no UTF-8 as escapes.

    Names of files are bytes. Where they are no UTF-8, Python's text has surrogates, which cannot be
    encoded again: such a byte becomes `\xNN`, as a line end becomes `\n`.

    Args:
        name: A name, a path, or a member of an archive.
    """
    return "".join(map(_shown, str(name)))


def _shown(character: str) -> str:
    if _FIRST_BYTE <= ord(character) <= _LAST_BYTE:
        return f"\\x{ord(character) - 0xDC00:02x}"
    if category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
