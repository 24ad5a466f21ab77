"""What a recipe is written for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from parnet_zoo.training.drafting.fitted import Fitted
from parnet_zoo.training.drafting.machine import Machine
from parnet_zoo.training.drafting.network import MOST_EPOCHS, SEEN, Fitting
from parnet_zoo.training.drafting.pictures import Pictures
from parnet_zoo.training.drafting.splits import Splits
from parnet_zoo.training.drafting.start import Start

FEWEST_TO_GO_ON = 8
"""Epochs that another's weights need at least to fit."""


@dataclass(frozen=True)
class Task:
    """What a recipe is written for.

    Attributes:
        name: Of the recipe.
        root: The pictures, as they were named.
        pictures: What they are like.
        splits: How they are divided.
        machine: What there is to train on.
        budget: The time as it was given, such as `1h`.
        seconds: The same.
        start: What the training begins with.
        fitted: Network, batch and epochs.
        fitting: How the network was found; None where it is that of the start.
    """

    name: str
    root: str
    pictures: Pictures
    splits: Splits
    machine: Machine
    budget: str
    seconds: float
    start: Start
    fitted: Fitted
    fitting: Fitting | None

    @property
    def epochs(self) -> int:
        """Of the recipe: at least one, even if that does not fit."""
        return max(1, self.fitted.epochs)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.epochs * math.ceil(self.pictures.train / self.fitted.batch_size)

    @property
    def wanted(self) -> int:
        """Epochs that would be good."""
        return self.fitting.wanted if self.fitting else fine_tuning_epochs(self.pictures.train)


def fine_tuning_epochs(train: int) -> int:
    """Epochs that would be good where a training goes on from another's weights."""
    few, most = FEWEST_TO_GO_ON, MOST_EPOCHS // 3
    return min(most, max(few, round(SEEN / 3 / train)))
