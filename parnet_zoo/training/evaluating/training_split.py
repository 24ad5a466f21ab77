"""How a training has split its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from parnet_zoo.data.folder import scan
from parnet_zoo.data.parts import Part, make_parts
from parnet_zoo.data.sources.collection import Collection
from parnet_zoo.errors import DataError, UsageError

_VALIDATION = 0.1


@dataclass(frozen=True)
class TrainingSplit:
    """What a run's recipe says of its images; the defaults of recipes where there is no run.

    Attributes:
        validation: As in a recipe: a part, or the name of a folder.
        test: Likewise; None takes what the data has.
        seed: Governs what is drawn.
        limit: Images of each split at most.
        digest: Of the images that the run was trained with, all splits together; None if unknown.
    """

    validation: float | str = _VALIDATION
    test: float | str | None = None
    seed: int = 0
    limit: int | None = None
    digest: str | None = None

    @classmethod
    def of(cls, params: Mapping[str, str], tags: Mapping[str, str]) -> Self:
        """As a run has logged it; what is missing or makes no sense is a recipe's default."""
        return cls(
            validation=_part(params.get("data.validation", "")) or _VALIDATION,
            test=_part(params.get("data.test", "")),
            seed=_whole(params.get("seed", "")) or 0,
            limit=_whole(params.get("data.limit", "")),
            digest=tags.get("parnet_zoo.data_digest"),
        )

    def parts(self, collection: Collection) -> dict[str, Part]:
        """The splits that the training would make of these images.

        Raises:
            DataError: See `scan`.
            UsageError: See `scan`.
        """
        validation = self.validation
        if isinstance(validation, str) and not collection.has(validation):
            validation = _VALIDATION  # other images than the training's
        test = self.test
        if (isinstance(test, str) and not collection.has(test)) or (
            isinstance(test, float) and collection.has("test")
        ):
            test = None
        return make_parts(collection, validation=validation, test=test, seed=self.seed).by_name

    def made_of(self, root: Path) -> bool:
        """Whether these are the very images that the network was trained, or steered, with."""
        if self.digest is None:
            return False
        try:
            folder = scan(
                root,
                validation=self.validation,
                test=self.test,
                seed=self.seed,
                limit=self.limit,
            )
        except (DataError, UsageError):
            return False  # nothing that it could have been trained with
        return folder.digest == self.digest


def _part(text: str) -> float | str | None:
    """A param as MLflow keeps it: a fraction, the name of a folder, or None."""
    if text in ("", "None"):
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
