"""The images of a split, as MLflow shows a run's datasets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

Context: TypeAlias = Literal["training", "validation", "test", "evaluation"]
"""What a run uses images for."""

_DIGEST_CHARACTERS = 36
_NAME_CHARACTERS = 500
_PROFILE_CHARACTERS = 100_000
"""MLflow takes 16 million, and sends them with every answer about the run."""


@dataclass(frozen=True)
class TrackedDataset:
    """What MLflow is told of one split.

    Attributes:
        name: Of the data, with the split, such as `dogcat/train`.
        digest: Of its manifest: changes with every image that comes, goes or gets another label.
        context: What it is used for.
        source: Where the images are, as an address.
        images: How many.
        classes: How many of each class.
    """

    name: str
    digest: str
    context: Context
    source: str
    images: int
    classes: Mapping[str, int]

    def to_journal(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def dataset_input(data: Mapping[str, Any]) -> DatasetInput:
    """What `to_journal` gave, as MLflow's entity."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = json.dumps({"images": data["images"], "classes": data["classes"]})
    if len(profile) > _PROFILE_CHARACTERS:  # thousands of classes
        profile = json.dumps({"images": data["images"], "classes": len(data["classes"])})
    dataset = Dataset(
        name=str(data["name"])[:_NAME_CHARACTERS],
        digest=str(data["digest"])[:_DIGEST_CHARACTERS],
        source_type="local",
        source=json.dumps({"uri": data["source"]}),
        profile=profile,
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", str(data["context"]))])
