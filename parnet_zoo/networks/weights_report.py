"""What became of the weights of a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class LayerNote(BaseModel):
    """A layer, and what is to be said about it."""

    model_config = ConfigDict(frozen=True)

    layer: str
    note: str

    def __str__(self) -> str:
        """`head_logits (10 classes in the file, 3 here)`."""
        return f"{self.layer} ({self.note})"


class WeightsReport(BaseModel):
    """What was loaded into a network, and what was not.

    Attributes:
        path: The file.
        sha256: Of the file, in hexadecimal.
        loaded: Layers that have the file's weights now, adapted ones among them.
        left_out: Layers of the head that keep their fresh weights, or that only the file has.
        adapted: Layers whose kernels were carried over to other input channels.
    """

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str
    loaded: tuple[str, ...]
    left_out: tuple[LayerNote, ...] = ()
    adapted: tuple[LayerNote, ...] = ()

    def __str__(self) -> str:
        """One line: `best.weights.h5: 60 layers loaded; left out: head_logits (...)`."""
        parts = [f"{self.path.name}: {len(self.loaded)} layers loaded"]
        for title, notes in (("left out", self.left_out), ("adapted", self.adapted)):
            if notes:
                parts.append(f"{title}: {', '.join(map(str, notes))}")
        return "; ".join(parts)

    def lines(self) -> list[str]:
        """All of it, a layer a line."""
        return [
            f"sha256 {self.sha256}",
            *(f"left out: {note}" for note in self.left_out),
            *(f"adapted: {note}" for note in self.adapted),
            *(f"loaded: {layer}" for layer in self.loaded),
        ]
