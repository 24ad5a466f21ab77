"""What messages call a file."""

from pathlib import Path

LONGEST_SHOWN = 300
"""Characters of a path that a message shows."""


def shown_path(text: str) -> str:
    """A path as the user wrote it, but on one line and not too long."""
    if not text.strip():
        return f"recipe {text!r}"
    if len(text) > LONGEST_SHOWN:
        text = f"...{text[-LONGEST_SHOWN:]}"
    return text if text.isprintable() else ascii(text)[1:-1]


def from_here(path: Path) -> str:
    """A path relative to the current folder, where it is inside."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
