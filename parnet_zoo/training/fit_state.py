"""Everything that a training knows besides its variables."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

BEST_FILES = "best-*.weights.h5"
"""Names of the files with the weights of the best epochs, in the run's directory."""


class EpochSums(BaseModel):
    """Sums over the training images of an epoch so far.

    Attributes:
        loss: Of each image's loss.
        correct: Images whose likeliest class is the target's likeliest.
        images: How many.
        seconds: Wall-clock seconds of the steps.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=True, ser_json_inf_nan="constants")

    loss: float = 0.0
    correct: float = 0.0
    images: float = 0.0
    seconds: float = 0.0

    def means(self) -> dict[str, float]:
        """Loss and accuracy of the epoch so far."""
        images = max(self.images, 1.0)
        return {"loss": self.loss / images, "accuracy": self.correct / images}


class FitState(BaseModel):
    """A training between two steps; with the variables, all that is needed to go on.

    Attributes:
        step: Finished steps of all epochs.
        total_steps: Of the whole training; a time budget may still change it.
        sums: Of the epoch that has begun.
        history: Every metric's values, one a finished epoch.
        best_epoch: Whose weights are kept, from 1; None while there are none.
        best_score: Of that epoch, the higher the better; None likewise.
        best_file: Name of the file with its weights.
        waited: Epochs without improvement.
        seconds: Wall-clock seconds of the run so far, start-up included.
        cpu_seconds: Processor seconds of this training's processes so far, start-up included.
        stopped: Whether early stopping has ended it.
        train_images: Training images that could be read when it began.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=True, ser_json_inf_nan="constants")

    step: int = Field(default=0, ge=0)
    total_steps: int = Field(default=1, ge=1)
    sums: EpochSums = Field(default_factory=EpochSums)
    history: dict[str, list[float]] = Field(default_factory=dict)
    best_epoch: int | None = Field(default=None, ge=1)
    best_score: float | None = None
    best_file: str | None = Field(default=None, pattern=r"^best-[0-9]{6}\.weights\.h5\z")
    waited: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stopped: bool = False
    train_images: int | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        lengths = {len(values) for values in self.history.values()}
        if len(lengths) > 1 or (self.best_epoch or 0) > self.epochs:
            raise ValueError("the history has not one value for each epoch")
        return self

    @property
    def epochs(self) -> int:
        """Finished epochs, validation included."""
        return len(self.history.get("loss", ()))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train or to validate."""
        return self.stopped or (self.step >= self.total_steps and not self.sums.images)
