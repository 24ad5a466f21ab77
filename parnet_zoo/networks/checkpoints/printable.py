"""Texts out of files that nobody vouches for, in messages."""

LONGEST_SHOWN = 80


def printable(text: str) -> str:
    """The text on one line, cut, with control characters as escapes."""
    cut = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]
