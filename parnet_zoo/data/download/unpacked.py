"""What came out of an archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Unpacked:
    """Images in a folder.

    Attributes:
        folder: With `train/CLASS/*` and `test/CLASS/*` in it.
        images: How many of each class of each split.
        dropped: Members that were left out, by reason.
    """

    folder: Path
    images: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, reason: str, name: str) -> None:
        """Leave a member out."""
        self.dropped.setdefault(reason, []).append(name)
