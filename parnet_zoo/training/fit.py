"""Fitting a network to a recipe's images."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from pydantic import ValidationError

from parnet_zoo.data.pipeline import evaluation_batches
from parnet_zoo.data.training_batches import TrainingBatches
from parnet_zoo.errors import DataError, DivergenceError, ParnetZooError
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.weights import load_weights
from parnet_zoo.networks.weights_report import WeightsReport
from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.duration import seconds_of
from parnet_zoo.training.batch_feed import BatchFeed
from parnet_zoo.training.checkpoint_folder import CheckpointFolder
from parnet_zoo.training.class_weights import class_weights
from parnet_zoo.training.epoch_end import EpochEnd
from parnet_zoo.training.fit_files import CHECKPOINTS
from parnet_zoo.training.fit_progress import FitProgress
from parnet_zoo.training.fit_state import FitState
from parnet_zoo.training.full_disk import FULL
from parnet_zoo.training.images import Images, normalisation
from parnet_zoo.training.kept_weights import KeptWeights
from parnet_zoo.training.learner import Learner
from parnet_zoo.training.pace import Pace
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.start import Start
from parnet_zoo.training.strategy import training_strategy
from parnet_zoo.training.tensorboard_log import TensorBoardLog
from parnet_zoo.training.time_budget import FIRST_GUESS, TimeBudget
from parnet_zoo.training.trainer import DivergedError, Trainer
from parnet_zoo.training.validation import Validation

BEST = "best.weights.h5"
"""File in the run's directory, and among its artifacts, with the best epoch's weights."""


@dataclass(frozen=True)
class Fitted:
    """What came out of the fit.

    Attributes:
        model: Training form in float32 with the weights of the best epoch, giving logits.
        weights: The file of these weights.
        history: Metrics by epoch.
        best_epoch: From 1.
    """

    model: Any
    weights: Path
    history: dict[str, list[float]]
    best_epoch: int

    @property
    def best_metrics(self) -> dict[str, float]:
        """The best epoch's metrics."""
        return {name: values[self.best_epoch - 1] for name, values in self.history.items()}


@dataclass(frozen=True)
class Listeners:
    """Who is told while the fit goes on.

    Attributes:
        loaded: Called with what became of the weights that the fit starts from.
        metrics: Called with each epoch's metrics and its number, from 1.
        checkpoint: Called with each file of weights that the recipe asks for.
        progress: What the person sees.
    """

    loaded: Callable[[WeightsReport], None]
    metrics: Callable[[dict[str, float], int], None]
    checkpoint: Callable[[KeptWeights], None]
    progress: Progress


@dataclass(frozen=True)
class FitJob:
    """All that a fit needs to know.

    Attributes:
        recipe: What to do.
        classes: Class names in the order of the logits.
        train: Trained on.
        validation: Decides which epoch is best.
        test_images: Images that are judged after the fit; only for the expected finish.
        precision: Keras dtype policy to train in; see `resolve_precision`.
        directory: Of the run; where weights, checkpoints and logs are written.
        start_from: File of weights to begin with; None begins with random ones.
        began: The start of the command.
        listeners: Told of every epoch.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    train: Images
    validation: Images
    test_images: int
    precision: str
    directory: Path
    start_from: Path | None
    began: Start
    listeners: Listeners


def fit(job: FitJob) -> Fitted:
    """Train to the end or until early stopping, and give the best epoch's network.

    Where the job's directory has a checkpoint, the training goes on from there.

    Raises:
        ParnetZooError: The loss became infinite or not a number, memory ran out, no checkpoint can
            be written, or the one that is there is of another training.
        DataError: The images vanished, or others can be read than when the training began.
        CheckpointError: The weights to begin with are of another network, or those of the best
            epoch have been damaged.
        OSError: The disk is full; see `full_disk_in_words`.
        SpecError: The network has no such stage to freeze.
        Interrupted: Ctrl-C or SIGTERM; the directory has a checkpoint then.
    """
    state = _train(job)
    if state.best_epoch is None or state.best_file is None:
        raise _diverged(max(state.epochs, 1), job.recipe)
    weights = job.directory / BEST
    try:
        shutil.copyfile(job.directory / state.best_file, weights)
    except OSError as error:
        raise ParnetZooError(
            f"the weights of the best epoch cannot be copied to {weights}: {error.strerror}"
        ) from error
    # Model, optimiser and graphs refer to each other; what is built next shall find their memory.
    gc.collect()
    model = _best_model(job, weights)
    return Fitted(model, weights, state.history, state.best_epoch)


def _train(job: FitJob) -> FitState:
    """Bring the training to its end, from wherever it is."""
    recipe, listeners = job.recipe, job.listeners
    strategy = training_strategy(recipe.distribution)
    listeners.progress.say(f"computing in {job.precision} on {_devices(strategy)}")
    learner = _learner(job, strategy)
    batches = _training_batches(job)
    checkpoints = CheckpointFolder(job.directory / CHECKPOINTS)
    state = _restored(job, checkpoints, learner)
    if state is None:
        state = _begun(job, learner, _planned_steps(recipe, batches.steps_per_epoch))
    try:
        with _tensorboard(job, state) as tensorboard:
            trainer = _trainer(job, learner, batches, state, checkpoints, tensorboard)
            if not state.step:
                trainer.save()
            trainer.train()
    except DivergedError as error:
        raise _diverged(state.epochs + 1, recipe) from error
    except tf.errors.OpError as error:
        raise _in_words(error) from error
    return state


def _learner(job: FitJob, strategy: tf.distribute.Strategy) -> Learner:
    train = job.train
    weights = np.ones(len(job.classes), np.float32)
    if job.recipe.class_weights is not None:
        counts = np.bincount(train.split.labels[train.store.readable], minlength=len(weights))
        weights = class_weights(job.recipe.class_weights, job.classes, counts.tolist())
    return Learner(
        job.recipe,
        len(job.classes),
        precision=job.precision,
        strategy=strategy,
        class_weights=weights,
    )


def _restored(job: FitJob, checkpoints: CheckpointFolder, learner: Learner) -> FitState | None:
    """Where the training was broken off; None where it has not begun."""
    progress = job.listeners.progress
    found = checkpoints.latest()
    instead = "no other one is left" if found is None else "the checkpoint before it is used"
    for sentence in checkpoints.damaged:
        progress.warn(f"{sentence}; {instead}")
    if found is None:
        return None
    try:
        state = FitState.model_validate(found.state)
    except ValidationError as error:
        raise ParnetZooError(
            "the checkpoint was written by another version of parnet-zoo; go on with that one"
        ) from error
    if state.train_images not in (None, job.train.readable):
        raise DataError(
            f"{job.train.readable} training images can be read, and {state.train_images} could when"
            " the run began, so that it cannot go on as if nothing had happened; see to the images,"
            " or start a new run"
        )
    learner.begin()
    learner.restore(found.arrays)
    progress.say(f"going on after {state.step} steps, {state.epochs} whole epochs among them")
    return state


def _planned_steps(recipe: Recipe, steps_per_epoch: int) -> int:
    steps = recipe.epochs * steps_per_epoch
    return steps if recipe.time is None else max(steps, FIRST_GUESS)


def _begun(job: FitJob, learner: Learner, total_steps: int) -> FitState:
    if job.start_from is not None:
        job.listeners.loaded(learner.load(job.start_from))
    elif job.recipe.model.weights is not None:
        raise ParnetZooError(
            f"no checkpoint in {job.directory / CHECKPOINTS} is whole, and the weights that the run"
            " started from are behind them; start a new run"
        )
    learner.begin()
    return FitState(total_steps=total_steps, train_images=job.train.readable)


def _trainer(
    job: FitJob,
    learner: Learner,
    batches: TrainingBatches,
    state: FitState,
    checkpoints: CheckpointFolder,
    tensorboard: TensorBoardLog | None,
) -> Trainer:
    recipe, listeners = job.recipe, job.listeners
    feed = BatchFeed(batches, recipe)
    epoch_end = EpochEnd(
        recipe,
        learner.model,
        job.directory,
        metrics=listeners.metrics,
        checkpoint=listeners.checkpoint,
        tensorboard=tensorboard,
        state=state,
    )
    return Trainer(
        recipe=recipe,
        learner=learner,
        state=state,
        feed=feed,
        validation=Validation(learner.model, _validation_data(job)),
        checkpoints=checkpoints,
        end_epoch=epoch_end,
        saved=epoch_end.saved,
        pace=_pace(job, batches.steps_per_epoch, feed),
        shown=FitProgress(listeners.progress, batch_size=recipe.batch_size),
        began=job.began,
        steps_per_epoch=batches.steps_per_epoch,
        budget=_budget(job),
    )


def _pace(job: FitJob, steps_per_epoch: int, feed: BatchFeed) -> Pace:
    return Pace(
        steps_per_epoch=steps_per_epoch,
        batch_size=job.recipe.batch_size,
        validation_images=job.validation.readable,
        test_images=job.test_images,
        resolution=job.recipe.spec().resolution,
        size=feed.size,
    )


def _budget(job: FitJob) -> TimeBudget | None:
    if job.recipe.time is None:
        return None
    return TimeBudget(seconds_of(job.recipe.time))


@contextmanager
def _tensorboard(job: FitJob, state: FitState) -> Iterator[TensorBoardLog | None]:
    if not job.recipe.tensorboard:
        yield None
        return
    with closing(TensorBoardLog(job.directory / "tensorboard", state.history)) as log:
        yield log


def _training_batches(job: FitJob) -> TrainingBatches:
    recipe = job.recipe
    mean, std = normalisation(recipe)
    return TrainingBatches(
        job.train.store,
        job.train.split.labels,
        classes=len(job.classes),
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        augmentation=recipe.augmentation,
        smoothing=recipe.label_smoothing,
        mean=mean,
        std=std,
    )


def _validation_data(job: FitJob) -> tf.data.Dataset:
    """Labels are not smoothed here, so that `val_loss` is the loss that `test_loss` is."""
    mean, std = normalisation(job.recipe)
    batches = evaluation_batches(
        job.validation.store,
        job.validation.split.labels,
        batch_size=job.recipe.batch_size,
        mean=mean,
        std=std,
    )
    return batches.map(lambda x, y: (x, tf.one_hot(y, len(job.classes))))


def _best_model(job: FitJob, weights: Path) -> Any:
    """The network in float32, whatever it was trained in."""
    with dtype_policy("float32"):
        model = job.recipe.spec().build(num_classes=len(job.classes))
    load_weights(model, weights)
    return model


def _diverged(epoch: int, recipe: Recipe) -> DivergenceError:
    return DivergenceError(
        f"the loss is not a finite number any more in epoch {epoch}: the training"
        f" diverged; lower optimizer.learning_rate ({recipe.optimizer.learning_rate:g}), set"
        " optimizer.clip_norm, or use precision: float32"
    )


def _in_words(error: tf.errors.OpError) -> Exception:
    """The data package's or the system's own error, which TensorFlow wraps, or this one."""
    text = str(error.message)
    _, found, sentence = text.partition(f"{DataError.__name__}: ")
    if found:
        return DataError(sentence.splitlines()[0])
    if full := [code for code in FULL if os.strerror(code) in text]:
        return OSError(full[0], os.strerror(full[0]))
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return ParnetZooError(
            f"out of memory: {text.splitlines()[0]}; use a smaller batch, resolution or network"
        )
    passed_on: Exception = error
    return passed_on


def _devices(strategy: tf.distribute.Strategy) -> str:
    gpus = tf.config.list_physical_devices("GPU")
    copies = strategy.num_replicas_in_sync
    if not gpus:
        return "the CPU" if copies == 1 else f"{copies} logical devices of the CPU"
    used = gpus[:copies]
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in used]
    return ", ".join(str(name or "a GPU") for name in names)
