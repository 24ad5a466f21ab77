"""What a fit keeps in its run's directory, by name; knows no framework."""

from __future__ import annotations

from pathlib import Path

CHECKPOINTS = "checkpoints"
"""Folder with the way back."""


def has_checkpoint(directory: Path) -> bool:
    """Whether a fit has written a checkpoint, whole or not, into a run's directory."""
    return any((directory / CHECKPOINTS).glob("*.checkpoint"))
