"""The mistakes that a network was surest of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.evaluation.figures.canvas import GREEN, GREY, ORANGE
from parnet_zoo.evaluation.figures.gallery import MOST, Line, Shown, gallery
from parnet_zoo.training.judge import Judged
from parnet_zoo.training.judging.context import Judgement
from parnet_zoo.training.judging.pictures import file_name, picture


def draw_mistakes(judgement: Judgement) -> None:
    """Log a gallery of the images whose true class the network thought least probable."""
    asked, recipe = judgement.final, judgement.recipe
    worst = worst_mistakes(asked.judged)
    images = len(asked.judged.truth)
    with judgement.figures.draw(f"worst_mistakes_{asked.name}", "the gallery of mistakes") as path:
        gallery(
            [_shown(judgement, int(row)) for row in worst[:MOST]],
            path,
            title=f"{recipe.name}: the worst mistakes on {images:,} {asked.name} images",
            note=_note(len(worst), images),
            nothing=f"Not one of the {images:,} images was taken for another class.",
        )


def worst_mistakes(judged: Judged) -> NDArray[np.int64]:
    """Rows of the wrong answers, the least probable true class first."""
    own = judged.probabilities[np.arange(len(judged.truth)), judged.truth]
    wrong = np.flatnonzero(judged.probabilities.argmax(axis=1) != judged.truth)
    return wrong[np.argsort(own[wrong], kind="stable")]


def _note(wrong: int, images: int) -> str:
    if not wrong:
        return ""
    shown = "all of them" if wrong <= MOST else f"the {MOST} worst"
    return f"{wrong:,} of {images:,} are wrong ({wrong / images:.1%}); {shown} are shown"


def _shown(judgement: Judgement, row: int) -> Shown:
    asked, classes = judgement.final, judgement.folder.classes
    probabilities = asked.judged.probabilities[row]
    true, said = int(asked.judged.truth[row]), int(probabilities.argmax())
    image = asked.images.split.paths[int(asked.judged.numbers[row])]
    return Shown(
        picture(image, judgement.recipe),
        (
            Line.of_class("said", classes[said], float(probabilities[said]), ORANGE),
            Line.of_class("true", classes[true], float(probabilities[true]), GREEN),
            Line(file_name(image), GREY),
        ),
    )
