"""The images of one split by their names, as lists and digests have them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import Split
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.tracking.dataset import Context, TrackedDataset


@dataclass(frozen=True)
class ListedSplit:
    """A split with the folder, archive or list that it is from.

    Attributes:
        split: Paths and labels.
        root: Paths are told relative to it, where they are below it.
        classes: Names of the labels.
    """

    split: Split
    root: Path
    classes: tuple[str, ...]

    @cached_property
    def rows(self) -> list[tuple[str, str]]:
        """Path and label of each image."""
        return [
            (escaped(self._below(image)), self.classes[int(label)])
            for image, label in zip(self.split.paths, self.split.labels, strict=True)
        ]

    @property
    def digest(self) -> str:
        """Changes with every image that comes, goes or gets another label."""
        digest = hashlib.sha256()
        for path, label in self.rows:
            digest.update(f"{label}\0{path}\n".encode())
        return digest.hexdigest()[:32]

    def dataset(self, context: Context) -> TrackedDataset:
        """What MLflow is told of it."""
        return TrackedDataset(
            name=f"{self.root.name or 'data'}/{self.split.name}",
            digest=self.digest,
            context=context,
            source=self.root.absolute().as_uri(),
            images=len(self.split),
            classes=self.split.counts(self.classes),
        )

    def _below(self, image: ImageFile) -> str:
        if not isinstance(image, Path):
            return image.inside
        # A list's images lie anywhere.
        inside = image.is_relative_to(self.root)
        return image.relative_to(self.root).as_posix() if inside else image.as_posix()
