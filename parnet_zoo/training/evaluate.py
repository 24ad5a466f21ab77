"""What a trained version is worth on some images, measured through the very files it serves."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from pathlib import Path

from parnet_zoo.data.escaped import escaped
from parnet_zoo.errors import DataError, TrackingError, UsageError
from parnet_zoo.evaluation.figures.evaluation_sheet import Sheet, evaluation_sheet
from parnet_zoo.serving.load import load
from parnet_zoo.tracking.evaluation_log import log_evaluation
from parnet_zoo.tracking.limits import key
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.tracked_model import TrackedModel, tracked_model
from parnet_zoo.training.evaluating.assemble import Assembled, assemble
from parnet_zoo.training.evaluating.chosen_images import ChosenImages, SplitName, choose_images
from parnet_zoo.training.evaluating.evaluation import Evaluation
from parnet_zoo.training.evaluating.measure import Measured, Measurement, measure
from parnet_zoo.training.evaluating.training_split import TrainingSplit
from parnet_zoo.training.listed_split import ListedSplit
from parnet_zoo.training.png_path import png_path
from parnet_zoo.training.progress import Progress
from parnet_zoo.user_path import user_path

_UNREADABLE_SHOWN = 10


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    split: SplitName | None = None,
    averaging: bool = True,
    robustness: bool = True,
    limit: int | None = None,
    name: str | None = None,
    seed: int = 0,
    plot: str | Path | None = None,
    log: bool = False,
    quiet: bool = False,
) -> Evaluation:
    """Measure a registered version on images: accuracy, classes, calibration, robustness.

    The version answers through its own decoder, resizing and network, as a server does. The images'
    classes are matched with the version's by name, and may be some of them only.

    Args:
        model: `models:/NAME/VERSION`, `models:/NAME@ALIAS`, `runs:/...`, a run's id, or a folder.
        data: A folder, archive or list of images, as `train` takes them.
        split: "train", "validation", "test" or "all". None is the test images; or all of it where
            the data comes without splits. What the data does not come with is drawn from it as the
            version's own training did.
        averaging: Measure the accuracy averaged over mirror images, and over ten crops, as well:
            an image goes through the network 11 times more.
        robustness: Measure the accuracy on damaged pictures as well: 16 times more.
        limit: Images at most, the same number of each class.
        name: Of the images in the metrics' names; by default that of the folder and the split.
        seed: Of the noise, the halves for calibration, and the choice under `limit`.
        plot: A PNG file to draw.
        log: Keep numbers, figure and images' digest with the version's run in MLflow.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: The address, or an argument, makes no sense; or there is no run to log to.
        DataError: There are no such images, none can be read, or the version does not know a class.
        TrackingError: The MLflow store does not answer or does not have the version.
    """
    began = time.monotonic()
    progress = Progress(quiet=quiet)
    path = None if plot is None else png_path(plot, "--plot ")
    known = _known(model, log=log)
    classifier = load(known.uri or str(model))
    training = TrainingSplit.of(known.params, known.tags)
    images = choose_images(
        user_path(data), split, classifier.labels, training, limit=limit, seed=seed
    )
    _say_what(progress, known, images)
    wanted = Measurement(averaging=averaging, robustness=robustness, seed=seed)
    measured = measure(classifier, images, wanted, progress)
    _check(measured, images, progress)
    found = assemble(measured, classifier.labels, images, name or _name(images), seed)
    result = Evaluation(
        model=str(model),
        model_uri=known.uri or str(model),
        run_id=known.run_id,
        engine=classifier.engine,
        size=classifier.size,
        seconds=time.monotonic() - began,
        **found.fields,
    )
    if path is not None:
        _draw(result, found, measured, path)
        progress.say(f"drawn: {escaped(path)}")
    if log:
        result = result.model_copy(update={"logged_to": known.run_id})
        _log(result, found, measured, images, known, classifier.labels)
        progress.say(f"logged to run {known.run_id}")
    return result


def _known(model: str | Path, *, log: bool) -> TrackedModel:
    """What MLflow knows of it; a folder needs no store, unless it is to be logged."""
    known = tracked_model(model)
    if known.uri is None:
        raise UsageError(f"run {known.run_id} has no model that could be asked: {known.run_name}")
    if log and known.run_id is None:
        raise UsageError(
            f"--log: {model} has no run in the MLflow store to log to; give the version's address,"
            " such as models:/NAME/3"
        )
    if not Path(str(model)).exists():  # a folder has no store
        with suppress(TrackingError):
            mark_dead_runs()
    return known


def _name(images: ChosenImages) -> str:
    """Such as `digits-test`; `digits` for all of it."""
    root, split = images.root, images.split.name
    stem = root.resolve().name if root.is_dir() else root.stem
    return escaped(stem or "data") + ("" if split == "all" else f"-{split}")


def _say_what(progress: Progress, known: TrackedModel, images: ChosenImages) -> None:
    split = images.split
    progress.say(f"{known.name} on {len(split):,} images of {images.root}: {split.origin}")
    if images.trained_on:
        hint = (
            "; --split test takes the part that was kept for the end" if split.name == "all" else ""
        )
        progress.warn(f"the network was trained on some of these images and knows them{hint}")


def _check(measured: Measured, images: ChosenImages, progress: Progress) -> None:
    bad, total = measured.unreadable, len(images.split)
    if not len(measured.truth):
        raise DataError(
            f"none of {total} images can be read: {escaped(bad[0].path)}: {bad[0].reason}"
        )
    if bad:
        progress.warn(f"{len(bad)} of {total} images cannot be read and are left out:")
        for item in bad[:_UNREADABLE_SHOWN]:
            progress.warn(f"  {escaped(item.path)}: {item.reason}")
        if len(bad) > _UNREADABLE_SHOWN:
            progress.warn(f"  and {len(bad) - _UNREADABLE_SHOWN} more; --json lists them all")


def _draw(result: Evaluation, found: Assembled, measured: Measured, path: Path) -> None:
    title = (
        f"{result.model_uri.removeprefix('models:/')} on {result.data.name}:"
        f" {result.data.images:,} images, top-1 {result.top1:.4f}"
    )
    robustness = [(kind, tally.top1) for kind, tally in measured.robustness.items()]
    try:
        evaluation_sheet(Sheet(title, found.report, found.calibration, robustness), path)
    except OSError as error:
        raise UsageError(f"{escaped(path)} cannot be written: {error.strerror}") from error


def _log(
    result: Evaluation,
    found: Assembled,
    measured: Measured,
    images: ChosenImages,
    known: TrackedModel,
    labels: tuple[str, ...],
) -> None:
    dataset = ListedSplit(images.split, images.root, labels).dataset("evaluation")
    with tempfile.TemporaryDirectory(prefix="parnet-zoo-") as temporary:
        stem = key(result.data.name).replace("/", "_")
        numbers, figure = Path(temporary, f"{stem}.json"), Path(temporary, f"{stem}.png")
        numbers.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        _draw(result, found, measured, figure)
        log_evaluation(known, result.metrics(), dataset, [numbers, figure])
