"""What an evaluation has found, as numbers that can be printed, drawn and logged."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class EvaluatedFile(_Result):
    """A file that was left out, and why."""

    path: str
    reason: str


class EvaluatedImages(_Result):
    """The images.

    Attributes:
        root: The folder, archive or list.
        name: With the split, as in the names of the metrics: `digits-test`.
        split: "train", "validation", "test" or "all".
        origin: How they came to be in it, in words.
        digest: Of their names and labels.
        images: That were readable.
        classes: Readable images of each class that is there.
        unreadable: Files that were left out.
        trained_on: Whether images that the network was trained on are among them; None: unknown.
    """

    root: str
    name: str
    split: str
    origin: str
    digest: str
    images: int
    classes: dict[str, int]
    unreadable: tuple[EvaluatedFile, ...]
    trained_on: bool | None


class ClassResult(_Result):
    """A class, as `evaluation.report.ClassScores`."""

    name: str
    precision: float
    recall: float
    f1: float
    images: int


class CalibrationResult(_Result):
    """What one temperature does, fitted on one half of the images and measured on the other.

    Attributes:
        temperature: Fitted on `fitted_images`.
        fitted_images: Drawn by seed.
        measured_images: The others, which all of the following is measured on.
        ece: Expected calibration error as served.
        ece_calibrated: At the temperature.
        log_loss: As served, nats.
        log_loss_calibrated: At the temperature.
    """

    temperature: float
    fitted_images: int
    measured_images: int
    ece: float
    ece_calibrated: float
    log_loss: float
    log_loss_calibrated: float


class AveragedResult(_Result):
    """Accuracy with probabilities averaged over several views of each image.

    Attributes:
        top1: Fraction that is right.
        log_loss: Nats.
        views: Of each image.
    """

    top1: float
    log_loss: float
    views: int


class RobustnessResult(_Result):
    """Accuracy on damaged pictures.

    Attributes:
        corruption: "blur", "noise", "jpeg" or "brightness".
        strength: In `unit`.
        unit: What the strength is.
        top1: Fraction that is right.
    """

    corruption: str
    strength: float
    unit: str
    top1: float


class Evaluation(_Result):
    """What a network is worth on some images.

    Attributes:
        model: Its address, as it was given.
        model_uri: The same with a version in place of an alias.
        run_id: MLflow run that made it; None if there is none.
        engine: That computed the answers.
        size: Side of the network's input, pixels.
        labels: All classes that it knows.
        data: The images.
        seed: Of the halves for calibration, of the noise, and of the choice under a limit.
        top1: Fraction of images whose most probable class is the true one.
        top5: Whose true class is among the five most probable; None for five classes or fewer.
        log_loss: Mean of -ln(probability of the true class), nats.
        ece: Expected calibration error of the most probable class, 15 bins, on all images.
        classes: Precision, recall and F1 of each class that has images.
        average: Their plain means (macro average).
        calibration: With a temperature; None where there are too few images, or a probability is
            not a number.
        flip: Averaged with the mirror images, if that was asked for.
        ten_crop: Averaged over ten crops, likewise.
        robustness: By corruption and strength; empty if it was not asked for.
        mean_corrupted_top1: Mean of these; None likewise.
        logged_to: The MLflow run that it was logged to; None if it was not.
        seconds: Of the measurement.
    """

    model: str
    model_uri: str
    run_id: str | None
    engine: str
    size: int
    labels: tuple[str, ...]
    data: EvaluatedImages
    seed: int
    top1: float
    top5: float | None
    log_loss: float
    ece: float
    classes: tuple[ClassResult, ...]
    average: ClassResult
    calibration: CalibrationResult | None
    flip: AveragedResult | None
    ten_crop: AveragedResult | None
    robustness: tuple[RobustnessResult, ...]
    mean_corrupted_top1: float | None
    logged_to: str | None = None
    seconds: float

    def metrics(self) -> dict[str, float]:
        """Flat, for MLflow, under names such as `evaluation/digits-test/top1`."""
        flat: dict[str, float | None] = {
            "top1": self.top1,
            "top5": self.top5,
            "log_loss": self.log_loss,
            "ece": self.ece,
            "macro_precision": self.average.precision,
            "macro_recall": self.average.recall,
            "macro_f1": self.average.f1,
            "images": self.data.images,
            "unreadable_images": len(self.data.unreadable),
            "mean_corrupted_top1": self.mean_corrupted_top1,
        }
        if found := self.calibration:
            flat |= {
                "temperature": found.temperature,
                "ece_half": found.ece,
                "ece_half_calibrated": found.ece_calibrated,
            }
        for name, averaged in (("flip", self.flip), ("ten_crop", self.ten_crop)):
            if averaged:
                flat |= {f"{name}_top1": averaged.top1, f"{name}_log_loss": averaged.log_loss}
        flat |= {f"{row.corruption}_{row.strength:g}_top1": row.top1 for row in self.robustness}
        prefix = f"evaluation/{self.data.name}/"
        return {prefix + name: float(value) for name, value in flat.items() if value is not None}
