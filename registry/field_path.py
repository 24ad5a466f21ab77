"""Where in nested data a value stands: `("scaling", "channels", 1)`."""

import re

FieldPath = tuple[str | int, ...]
"""Keys, and indices of list items, from the top down."""

_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_SHOWN_KEY = 60


def dotted(path: FieldPath) -> str:
    """The path as people write it: `scaling.channels[1]`.

    A key that could spoil the line it is printed on (spaces, line ends, great length) is quoted and
    cut.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + _shown(part)
    return text


def _shown(key: str) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return key
    return ascii(key if len(key) <= _SHOWN_KEY else key[:_SHOWN_KEY] + "...")
