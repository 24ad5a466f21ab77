"""What a fit keeps in its run's directory, by name; knows no framework."""

from __future__ import annotations

from pathlib import Path

CHECKPOINTS = "checkpoints"
"""Folder with the way back."""
CHECKPOINT = "[0-9]" * 8 + ".checkpoint"
"""Pattern of its files' names; one that is being written has another."""


def has_checkpoint(directory: Path) -> bool:
    """Whether a fit has finished a checkpoint, damaged since or not, in a run's directory."""
    return any((directory / CHECKPOINTS).glob(CHECKPOINT))
