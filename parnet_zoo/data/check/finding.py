"""One thing that a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from parnet_zoo.data.image_file import ImageFile

Severity = Literal["error", "warning", "note"]
"""error: training skips the file, or its result would not be true; warning: worth a look; note:
odd, but read all the same."""


@dataclass(frozen=True)
class Finding:
    """What was found, and where.

    Attributes:
        kind: A word for it, such as "unreadable" or "leak".
        severity: How bad it is.
        sentence: What is wrong, for people, in one sentence without the paths.
        paths: The files or folders it is about.
    """

    kind: str
    severity: Severity
    sentence: str
    paths: tuple[ImageFile, ...] = ()
