"""Fitting a network to a recipe's images."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from parnet_zoo.data.early_end import end_of_data_expected
from parnet_zoo.data.pipeline import evaluation_batches, steps_per_epoch, training_batches
from parnet_zoo.errors import DataError, ParnetZooError
from parnet_zoo.networks.dtype_policy import dtype_policy
from parnet_zoo.networks.freezing import freeze
from parnet_zoo.networks.weights import load_weights
from parnet_zoo.networks.weights_report import WeightsReport
from parnet_zoo.recipe import Recipe
from parnet_zoo.training.average_weights import AverageWeights
from parnet_zoo.training.best_weights import BestWeights, Monitor
from parnet_zoo.training.divergence import StopWhenDiverged
from parnet_zoo.training.epoch_checkpoints import EpochCheckpoints
from parnet_zoo.training.epoch_metrics import EpochMetrics
from parnet_zoo.training.fit_progress import FitProgress
from parnet_zoo.training.images import Images, normalisation
from parnet_zoo.training.labels import distributions
from parnet_zoo.training.learning_rate import Rate, learning_rate
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.progress import Progress


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
        checkpoint: Called with each checkpoint file that the recipe asks for.
        progress: What the person sees.
    """

    loaded: Callable[[WeightsReport], None]
    metrics: Callable[[dict[str, float], int], None]
    checkpoint: Callable[[Path], None]
    progress: Progress


def fit(
    recipe: Recipe,
    classes: int,
    train: Images,
    validation: Images,
    *,
    precision: str,
    directory: Path,
    start_from: Path | None,
    listeners: Listeners,
) -> Fitted:
    """Train to the end or until early stopping, and give the best epoch's network.

    Args:
        recipe: What to do.
        classes: Number of classes.
        train: Trained on.
        validation: Decides which epoch is best.
        precision: Keras dtype policy to train in; see `resolve_precision`.
        directory: Where weights and logs are written.
        start_from: File of weights to begin with; None begins with random ones.
        listeners: Told of every epoch.

    Raises:
        ParnetZooError: The loss became infinite or not a number, or memory ran out.
        DataError: The images vanished.
        CheckpointError: The weights to begin with are of another network.
        SpecError: The network has no such stage to freeze.
    """
    weights = directory / "best.weights.h5"
    listeners.progress.say(f"computing in {precision} on {_devices()}")
    with dtype_policy(precision):
        model = _beginning(recipe, classes, start_from, listeners)
    history, best_epoch = _train(model, recipe, classes, train, validation, weights, listeners)
    del model
    if best_epoch is None or not math.isfinite(history["loss"][-1]):
        raise _diverged(history, recipe)
    # Model, optimiser and graphs refer to each other; what is built next shall find their memory.
    gc.collect()
    return Fitted(_best_model(recipe, classes, weights), weights, history, best_epoch)


def _beginning(recipe: Recipe, classes: int, start_from: Path | None, listeners: Listeners) -> Any:
    """The network as training finds it: filled and frozen as the recipe says."""
    model = recipe.spec().build(num_classes=classes)
    if start_from is not None:
        listeners.loaded(load_weights(model, start_from))
    if recipe.model.freeze:
        freeze(model, recipe.model.freeze, statistics=recipe.model.freeze_statistics)
    return model


def _train(
    model: Any,
    recipe: Recipe,
    classes: int,
    train: Images,
    validation: Images,
    weights: Path,
    listeners: Listeners,
) -> tuple[dict[str, list[float]], int | None]:
    """Fit, and leave the best epoch's weights in a file; gives the metrics and that epoch."""
    steps = steps_per_epoch(train.store, recipe.batch_size)
    rate = learning_rate(
        recipe.optimizer.learning_rate, recipe.schedule, epochs=recipe.epochs, steps_per_epoch=steps
    )
    _compile(model, recipe, rate)
    metrics = EpochMetrics(listeners.metrics, images=train.readable, rate=rate)
    best = BestWeights(weights, _monitor(recipe))
    shown = FitProgress(
        listeners.progress, epochs=recipe.epochs, steps=steps, batch_size=recipe.batch_size
    )
    callbacks = [
        *_averaging(recipe),
        StopWhenDiverged(),
        metrics,
        best,
        *_asked_for(recipe, weights.parent, listeners),
        shown,
    ]
    try:
        with end_of_data_expected():
            model.fit(
                _training_data(recipe, classes, train, steps),
                validation_data=_validation_data(recipe, classes, validation),
                epochs=recipe.epochs,
                steps_per_epoch=steps,
                shuffle=False,  # the batches come in their final order
                callbacks=callbacks,
                verbose=0,
            )
    except tf.errors.OpError as error:
        raise _in_words(error) from error
    finally:
        shown.close()
    return metrics.history, best.best_epoch


def _monitor(recipe: Recipe) -> Monitor:
    return recipe.early_stopping.monitor if recipe.early_stopping else "val_loss"


def _compile(model: Any, recipe: Recipe, rate: Rate) -> None:
    model.compile(
        optimizer=build_optimizer(recipe.optimizer, rate),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # XLA was slower than the plain graph for training on CPUs, and takes long to warm up
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )


def _training_data(recipe: Recipe, classes: int, train: Images, steps: int) -> tf.data.Dataset:
    mean, std = normalisation(recipe)
    batches = training_batches(
        train.store,
        train.split.labels,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        augmentation=recipe.augmentation,
        mean=mean,
        std=std,
        total_steps=recipe.epochs * steps,
    )
    smoothing = recipe.label_smoothing
    return batches.map(lambda x, y: (x, distributions(y, classes, smoothing)))


def _validation_data(recipe: Recipe, classes: int, validation: Images) -> tf.data.Dataset:
    """Labels are not smoothed here, so that `val_loss` is the loss that `test_loss` is."""
    mean, std = normalisation(recipe)
    batches = evaluation_batches(
        validation.store,
        validation.split.labels,
        batch_size=recipe.batch_size,
        mean=mean,
        std=std,
    )
    return batches.map(lambda x, y: (x, distributions(y, classes)))


def _averaging(recipe: Recipe) -> list[keras.callbacks.Callback]:
    return [AverageWeights(recipe.ema)] if recipe.ema else []


def _asked_for(
    recipe: Recipe, directory: Path, listeners: Listeners
) -> list[keras.callbacks.Callback]:
    """Early stopping, checkpoints and TensorBoard, as the recipe has them."""
    callbacks: list[keras.callbacks.Callback] = []
    if recipe.early_stopping:
        monitor = recipe.early_stopping.monitor
        mode = "min" if monitor == "val_loss" else "max"
        patience = recipe.early_stopping.patience
        callbacks.append(keras.callbacks.EarlyStopping(monitor, patience=patience, mode=mode))
    if recipe.checkpoints:
        callbacks.append(EpochCheckpoints(directory, recipe.checkpoints, listeners.checkpoint))
    if recipe.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(log_dir=str(directory / "tensorboard")))
    return callbacks


def _best_model(recipe: Recipe, classes: int, weights: Path) -> Any:
    """The network in float32, whatever it was trained in."""
    with dtype_policy("float32"):
        model = recipe.spec().build(num_classes=classes)
    model.load_weights(weights)
    return model


def _diverged(history: dict[str, list[float]], recipe: Recipe) -> ParnetZooError:
    epoch = len(history.get("loss", [0]))
    return ParnetZooError(
        f"the loss is not a finite number any more in epoch {epoch}: the training diverged;"
        f" lower optimizer.learning_rate ({recipe.optimizer.learning_rate:g}), set"
        " optimizer.clip_norm, or use precision: float32"
    )


def _in_words(error: tf.errors.OpError) -> Exception:
    """The data package's own error, which TensorFlow wraps; any other is passed on."""
    text = str(error.message)
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return ParnetZooError(
            f"out of memory: {text.splitlines()[0]}; use a smaller batch, resolution or network"
        )
    _, found, sentence = text.partition(f"{DataError.__name__}: ")
    return DataError(sentence.splitlines()[0]) if found else error


def _devices() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "the CPU"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name or "a GPU") for name in names)
