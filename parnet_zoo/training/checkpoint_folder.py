"""The last checkpoints of one run."""

from __future__ import annotations

from pathlib import Path

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.training.checkpoint_file import (
    UNFINISHED,
    Checkpoint,
    DamagedCheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from parnet_zoo.training.fit_files import CHECKPOINT

KEPT = 2
"""A second one, for when the last is found damaged."""


class CheckpointFolder:
    """Numbered checkpoints in a folder, of which the last two are kept.

    Args:
        folder: Created if need be.

    Attributes:
        damaged: What `latest` had to pass over, and why, in one sentence each.
    """

    def __init__(self, folder: Path) -> None:
        self.damaged: list[str] = []
        self._folder = folder

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint after all others.

        Raises:
            ParnetZooError: The disk is full, or fails; the checkpoints before it are as they were.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._next():08d}.checkpoint"
            write_checkpoint(path, checkpoint)
        except OSError as error:
            raise ParnetZooError(
                f"no checkpoint could be written in {self._folder}: {error.strerror or error};"
                " what was saved before is whole: make room, then resume the run"
            ) from error
        left_by_a_kill = self._folder.glob(f"{UNFINISHED}*")
        for old in (*self._paths()[:-KEPT], *left_by_a_kill):
            old.unlink(missing_ok=True)
        return path

    def latest(self) -> Checkpoint | None:
        """The last whole checkpoint, None without one; damaged ones after it are removed."""
        self.damaged.clear()
        passed_over: list[Path] = []
        for path in reversed(self._paths()):
            try:
                found = read_checkpoint(path)
            except DamagedCheckpointError as error:
                self.damaged.append(str(error))
            except OSError as error:
                self.damaged.append(f"{path} cannot be read: {error.strerror or error}")
            else:
                for damaged in passed_over:
                    damaged.unlink(missing_ok=True)
                return found
            passed_over.append(path)
        return None

    def _next(self) -> int:
        return max((int(path.stem) for path in self._paths()), default=0) + 1

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(CHECKPOINT))
