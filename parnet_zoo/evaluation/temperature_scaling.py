"""What one temperature does for a network's probabilities."""

import json
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from parnet_zoo.evaluation.calibration import (
    Bins,
    at_temperature,
    calibration_error,
    confidence_bins,
    fit_temperature,
)
from parnet_zoo.evaluation.metrics import log_loss


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a temperature does for a network.

    Attributes:
        temperature: That was fitted.
        fitted_on: Name of the split that it was fitted on.
        fitted_images: How many images that has.
        measured_on: Name of the split that the rest was measured on.
        measured_images: How many images that has.
        same_images: Whether both are the same, so that the calibrated numbers flatter.
        ece: Expected calibration error, as the network says.
        ece_calibrated: The same at the temperature.
        log_loss: As the network says, in nats.
        log_loss_calibrated: The same at the temperature.
        before: The bins of `ece`.
        after: Those of `ece_calibrated`.
    """

    temperature: float
    fitted_on: str
    fitted_images: int
    measured_on: str
    measured_images: int
    same_images: bool
    ece: float
    ece_calibrated: float
    log_loss: float
    log_loss_calibrated: float
    before: Bins
    after: Bins

    def to_json(self) -> str:
        """As a JSON object, without the bins."""
        numbers = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("before", "after")
        }
        return json.dumps(numbers, indent=1)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network said about the images of a split.

    Attributes:
        split: Its name.
        truth: (n,) class numbers.
        probabilities: (n, classes), each row a distribution.
    """

    split: str
    truth: ArrayLike
    probabilities: ArrayLike


def calibrate(fitted: Answers, measured: Answers, *, same_images: bool) -> Calibration:
    """Fit a temperature on one split and measure it on another, or on the same.

    Args:
        fitted: Of the split to fit on.
        measured: Of the split to measure on.
        same_images: Whether both splits are the same images, which is only noted.

    Raises:
        ValueError: There are no images, or a probability is not a number.
    """
    temperature = fit_temperature(fitted.truth, fitted.probabilities)
    truth, said = measured.truth, measured.probabilities
    cooled = at_temperature(said, temperature)
    return Calibration(
        temperature=temperature,
        fitted_on=fitted.split,
        fitted_images=len(np.asarray(fitted.truth)),
        measured_on=measured.split,
        measured_images=len(np.asarray(truth)),
        same_images=same_images,
        ece=calibration_error(truth, said),
        ece_calibrated=calibration_error(truth, cooled),
        log_loss=log_loss(truth, said),
        log_loss_calibrated=log_loss(truth, cooled),
        before=confidence_bins(truth, said),
        after=confidence_bins(truth, cooled),
    )
