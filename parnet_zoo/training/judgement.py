"""All that is measured and drawn of a trained network before it is registered."""

from __future__ import annotations

from parnet_zoo.evaluation.calibration import calibration_error
from parnet_zoo.evaluation.figures.class_scores import class_scores
from parnet_zoo.evaluation.figures.confusion import confusion_matrix
from parnet_zoo.evaluation.figures.reliability import reliability_diagram
from parnet_zoo.evaluation.metrics import confusion, top_k
from parnet_zoo.evaluation.report import report
from parnet_zoo.evaluation.temperature_scaling import Answers, Calibration, calibrate
from parnet_zoo.training.judging.cams import draw_cams
from parnet_zoo.training.judging.context import EVALUATION, Asked, Judgement
from parnet_zoo.training.judging.label_search import search_labels
from parnet_zoo.training.judging.mistakes import draw_mistakes

NAMED = 5
"""Classes that top-5 accuracy lets a network name."""


def log_judgement(judgement: Judgement) -> dict[str, float]:
    """Measure, draw and log how good a network is, on test images or, without, on validation.

    Artifacts: `evaluation/SPLIT.json` (per class), `evaluation/calibration.json`,
    `evaluation/label_errors.csv`, and the figures. A figure that fails is warned of and left out.

    Returns:
        Metrics: `test_ece`, `test_ece_calibrated`, `temperature`, with more than five classes
        `test_top5_accuracy`; `val_...` where validation stands in.
    """
    asked, prefix = judgement.final, judgement.prefix
    metrics: dict[str, float] = {}
    if len(judgement.folder.classes) > NAMED:
        top5 = top_k(asked.judged.truth, asked.judged.probabilities, NAMED)
        metrics[f"{prefix}_top5_accuracy"] = top5
    _per_class(judgement)
    metrics |= _calibration(judgement)
    draw_mistakes(judgement)
    draw_cams(judgement)
    search_labels(judgement, metrics.get("temperature", 1.0))
    _say(judgement)
    return metrics


def _per_class(judgement: Judgement) -> None:
    asked, classes = judgement.final, judgement.folder.classes
    matrix = confusion(asked.judged.truth, asked.judged.probabilities.argmax(axis=-1), len(classes))
    scores = report(matrix, classes)
    judgement.run.log_text(scores.to_json(), f"{EVALUATION}/{asked.name}.json")
    with judgement.figures.draw(f"confusion_matrix_{asked.name}", "the confusion matrix") as path:
        confusion_matrix(matrix, classes, path)
    with judgement.figures.draw(f"class_scores_{asked.name}", "the figure of the classes") as path:
        title = f"{judgement.recipe.name}: {len(asked.judged.truth):,} {asked.name} images"
        class_scores(scores, path, title)


def _calibration(judgement: Judgement) -> dict[str, float]:
    """Fit the temperature on validation images, measure it on test images."""
    found: Calibration | None = None
    with judgement.figures.spared("the calibration"):
        found = calibrate(
            _answers(judgement.validation),
            _answers(judgement.final),
            same_images=judgement.final.images is judgement.validation.images,
        )
    if found is None:
        judged = judgement.final.judged
        ece = calibration_error(judged.truth, judged.probabilities)
        return {f"{judgement.prefix}_ece": ece}
    judgement.run.log_text(found.to_json(), f"{EVALUATION}/calibration.json")
    with judgement.figures.draw(
        f"reliability_{found.measured_on}", "the reliability diagram"
    ) as path:
        reliability_diagram(found, path)
    return {
        "temperature": found.temperature,
        f"{judgement.prefix}_ece": found.ece,
        f"{judgement.prefix}_ece_calibrated": found.ece_calibrated,
    }


def _answers(asked: Asked) -> Answers:
    return Answers(asked.name, asked.judged.truth, asked.judged.probabilities)


def _say(judgement: Judgement) -> None:
    asked = judgement.final
    flipped = ""
    if asked.judged.flipped is not None:
        flipped = f"; {asked.judged.flipped.accuracy:.4f} averaged with the mirror images"
    judgement.figures.progress.say(
        f"{asked.name} accuracy {asked.judged.accuracy:.4f} on {len(asked.judged.truth)}"
        f" images{flipped}"
    )
