"""Where a picture is to be drawn."""

import os
from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import UsageError
from parnet_zoo.user_path import user_path


def png_path(text: str | Path, called: str = "") -> Path:
    """A path that a PNG can be written to, looked at before any work is done.

    Args:
        text: As the user wrote it.
        called: What messages put before it, such as `--samples `.

    Raises:
        UsageError: Its name is another file's, or it cannot be written there.
    """
    path = user_path(text)
    shown = f"{called}{escaped(path)}"
    if path.suffix.lower() != ".png":
        raise UsageError(f"{shown}: what is drawn is a PNG, so its name must end in .png")
    if path.is_dir():
        raise UsageError(f"{shown} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{shown}: there is no folder {escaped(path.parent)}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{shown}: it cannot be written there: no permission")
    return path
