"""Runs and versions side by side: accuracy, size, and time on this machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.evaluation.figures.accuracy_latency import NetworkPoint, accuracy_against_latency
from parnet_zoo.evaluation.pareto import pareto_front
from parnet_zoo.serving.latency import TURNS, Latency, measure_latencies
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.tracked_model import tracked_model
from parnet_zoo.training.comparing.comparison import ComparedImages, ComparedModel, Comparison
from parnet_zoo.training.comparing.differing_params import differing_params
from parnet_zoo.training.comparing.measured_accuracies import measured_accuracies
from parnet_zoo.training.comparing.opened_model import OpenedModel
from parnet_zoo.training.evaluating.chosen_images import SplitName
from parnet_zoo.training.png_path import png_path
from parnet_zoo.training.progress import Progress
from parnet_zoo.user_path import user_path

SECONDS = 2.0
"""For which each network is timed."""

_By = Literal["accuracy", "test_accuracy", "val_accuracy"]
_CALLED = {
    "accuracy": "accuracy",
    "test_accuracy": "test accuracy",
    "val_accuracy": "validation accuracy",
}


def compare(
    models: Sequence[str | Path],
    *,
    data: str | Path | None = None,
    split: SplitName | None = None,
    limit: int | None = None,
    seconds: float = SECONDS,
    plot: str | Path | None = None,
    quiet: bool = False,
) -> Comparison:
    """Put runs and versions side by side.

    Parameters and multiply-adds are counted in each served graph, so that all families are counted
    alike. The networks are timed now, in turns, so that noise of the machine hits all alike.

    Args:
        models: Run ids, `runs:/...`, `models:/NAME/VERSION`, `models:/NAME@ALIAS`, or folders.
        data: Images to measure the accuracy of all of them on, now; by default it is that which
            their trainings have logged.
        split: See `evaluate`; what is drawn, is drawn as the first model's training did.
        limit: Images at most, the same number of each class.
        seconds: For which each network is timed.
        plot: A PNG file for accuracy against milliseconds.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: An address, or an argument, makes no sense; or there is nothing to draw.
        DataError: There are no such images, or a model does not know one of their classes.
        TrackingError: The MLflow store does not answer, or does not have one of them.
    """
    progress = Progress(quiet=quiet)
    if not models:
        raise UsageError("nothing to compare: give runs or versions, such as models:/NAME/3")
    if not seconds > 0:
        raise UsageError(f"the networks must be timed for more than {seconds:g} seconds")
    path = None if plot is None else png_path(plot, "--plot ")
    opened = [OpenedModel.open(tracked_model(address)) for address in models]
    with suppress(TrackingError):
        mark_dead_runs()
    latencies = _latencies(opened, seconds, progress)
    measured: list[float | None] = [None] * len(opened)
    images = None
    if data is not None:
        measured, images = measured_accuracies(opened, user_path(data), split, limit, progress)
    rows = [
        ComparedModel(**one.logged(), **_times(latency), accuracy=accuracy)
        for one, latency, accuracy in zip(opened, latencies, measured, strict=True)
    ]
    by = _by(rows, images)
    result = Comparison(
        models=_judged(rows, by),
        data=images,
        by=by,
        threads=next((latency.threads for latency in latencies if latency), None),
        params=differing_params([one.known.params for one in opened]),
        warnings=tuple(_warnings(rows, by)),
    )
    for warning in result.warnings:
        progress.warn(warning)
    if path is not None:
        _draw(result, path)
        progress.say(f"drawn: {escaped(path)}")
    return result


def _latencies(
    opened: Sequence[OpenedModel], seconds: float, progress: Progress
) -> list[Latency | None]:
    """One for each model that there is, measured in turns."""
    classifiers = [one.classifier for one in opened if one.classifier]
    with progress.task("timing", TURNS) as update:
        found = iter(
            measure_latencies(
                classifiers, seconds=seconds, turn_done=lambda turns: update(turns, "")
            )
        )
    return [next(found) if one.classifier else None for one in opened]


def _times(latency: Latency | None) -> dict[str, Any]:
    return {
        "latency_ms": latency and latency.median_ms,
        "latency_p95_ms": latency and latency.p95_ms,
        "images_per_second": latency and latency.images_per_second,
    }


def _by(rows: Sequence[ComparedModel], images: ComparedImages | None) -> _By:
    """What most of them have: test before validation, and what was measured now before both."""
    if images is not None:
        return "accuracy"
    tested = sum(row.test_accuracy is not None for row in rows)
    validated = sum(row.val_accuracy is not None for row in rows)
    return "test_accuracy" if tested >= validated else "val_accuracy"


def _judged(rows: Sequence[ComparedModel], by: _By) -> tuple[ComparedModel, ...]:
    """The rows, those marked that no other one beats."""
    places = [place for place, row in enumerate(rows) if _point(row, by)]
    offers = [(rows[place].latency_ms or 0, getattr(rows[place], by)) for place in places]
    best = {places[position] for position in pareto_front(offers)}
    return tuple(row.model_copy(update={"best": place in best}) for place, row in enumerate(rows))


def _point(row: ComparedModel, by: _By) -> NetworkPoint | None:
    """Where it is drawn; None where time or accuracy is missing."""
    accuracy = getattr(row, by)
    if row.latency_ms is None or accuracy is None or not math.isfinite(accuracy):
        return None
    # Without what it was scaled to: `parnet_s+b2+...`
    backbone = (row.backbone or "").partition("+")[0]
    label = row.name if backbone in row.name else f"{row.name} ({backbone})"
    return NetworkPoint(label, row.latency_ms, accuracy)


def _warnings(rows: Sequence[ComparedModel], by: _By) -> list[str]:
    found = []
    digests = {row.data_digest for row in rows if row.data_digest}
    if by != "accuracy" and len(digests) > 1:
        found.append(
            "they were trained with different images or splits, so that the logged accuracies are"
            " not of the same images; --data PATH measures all of them on the same"
        )
    return found


def _draw(result: Comparison, path: Path) -> None:
    points = [point for row in result.models if (point := _point(row, result.by))]
    if not points:
        raise UsageError(
            "--plot: no model has both a served network and an accuracy; --data PATH measures it"
        )
    images = result.data
    title = f"{images.images:,} {images.split} images of {images.root}" if images else ""
    threads = "1 thread" if result.threads == 1 else f"{result.threads} threads"
    title = f"{title}, {threads}" if title else f"as logged by their trainings; {threads}"
    try:
        accuracy_against_latency(points, path, measured=_CALLED[result.by], title=title)
    except OSError as error:
        raise UsageError(f"{escaped(path)} cannot be written: {error.strerror}") from error
