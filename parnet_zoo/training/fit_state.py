"""Everything that a training knows besides its variables."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
        seconds: Wall-clock seconds of training and validation so far.
        cpu_seconds: Processor seconds of this training's processes so far, start-up included.
        stopped: Whether early stopping has ended it.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=True, ser_json_inf_nan="constants")

    step: int = 0
    total_steps: int = 1
    sums: EpochSums = Field(default_factory=EpochSums)
    history: dict[str, list[float]] = Field(default_factory=dict)
    best_epoch: int | None = None
    best_score: float | None = None
    best_file: str | None = None
    waited: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    stopped: bool = False

    @property
    def epochs(self) -> int:
        """Finished epochs, validation included."""
        return len(self.history.get("loss", ()))

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train or to validate."""
        return self.stopped or (self.step >= self.total_steps and not self.sums.images)
