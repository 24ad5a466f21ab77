"""Paths as people write them."""

from pathlib import Path


def user_path(text: str | Path) -> Path:
    """A path with `~` for the home folder; where nobody has the name, it is a file's like any."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        return path
