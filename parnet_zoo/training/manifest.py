"""The list of a run's images: what MLflow's datasets are named after."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from parnet_zoo.data.folder import ImageFolder
from parnet_zoo.tracking.dataset import Context, TrackedDataset
from parnet_zoo.training.listed_split import ListedSplit

_CONTEXTS: dict[str, Context] = {
    "train": "training",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Manifest:
    """Which images a run uses.

    Attributes:
        text: CSV with the columns path, label and split. Paths are relative to the data's root, so
            that the list, laid beside the images, is data that can be trained on.
        datasets: One for each split.
    """

    text: str
    datasets: tuple[TrackedDataset, ...]


def manifest(folder: ImageFolder) -> Manifest:
    """List the images of all splits; test images that are validation images are listed once."""
    splits = [folder.train, folder.validation]
    if folder.test is not None and not folder.test_is_validation:
        splits.append(folder.test)
    listed = [ListedSplit(split, folder.root, folder.classes) for split in splits]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "label", "split"))
    for one in listed:
        writer.writerows((path, label, one.split.name) for path, label in one.rows)
    datasets = tuple(one.dataset(_CONTEXTS[one.split.name]) for one in listed)
    return Manifest(text.getvalue(), datasets)
