"""What every part of a judgement needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parnet_zoo.data.folder import ImageFolder
from parnet_zoo.recipe import Recipe
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.training.images import Images
from parnet_zoo.training.judge import Judged
from parnet_zoo.training.judging.figures import Figures

EVALUATION = "evaluation"


@dataclass(frozen=True, eq=False)
class Asked:
    """A split and what the served network said about it.

    Attributes:
        name: "validation" or "test".
        images: The split; where a recipe tests on its validation images, the same for both.
        judged: The answers.
    """

    name: str
    images: Images
    judged: Judged


@dataclass(frozen=True, eq=False)
class Judgement:
    """A trained network, its images, and where all that is found out about it goes.

    Attributes:
        recipe: Of the run.
        folder: The images' classes and splits.
        run: Where everything is logged.
        figures: Where figures are drawn.
        model: Training form in float32 with the best weights, giving logits.
        packed: Folder of the network as it is served.
        train: The training images.
        validation: Judged.
        test: Judged; None where there are no test images, and validation stands in.
    """

    recipe: Recipe
    folder: ImageFolder
    run: TrackedRun
    figures: Figures
    model: Any
    packed: Path
    train: Images
    validation: Asked
    test: Asked | None

    @property
    def final(self) -> Asked:
        """What the network is measured on."""
        return self.test or self.validation

    @property
    def prefix(self) -> str:
        """Of the metrics of `final`: "test", or "val"."""
        return "val" if self.test is None else "test"
