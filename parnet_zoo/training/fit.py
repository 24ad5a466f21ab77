"""Fitting a network to a recipe's images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from parnet_zoo.data.pipeline import evaluation_batches, steps_per_epoch, training_batches
from parnet_zoo.errors import DataError, ParnetZooError
from parnet_zoo.recipe import Recipe
from parnet_zoo.training.average_weights import AverageWeights
from parnet_zoo.training.epoch_checkpoints import EpochCheckpoints
from parnet_zoo.training.epoch_metrics import EpochMetrics
from parnet_zoo.training.fit_progress import FitProgress
from parnet_zoo.training.images import Images, normalisation
from parnet_zoo.training.loss import SmoothedCrossEntropy
from parnet_zoo.training.optimizers import build_optimizer
from parnet_zoo.training.precision import dtype_policy, resolve_precision
from parnet_zoo.training.progress import Progress

BEST_WEIGHTS = "best.weights.h5"


@dataclass(frozen=True)
class Fitted:
    """What came out of the fit.

    Attributes:
        model: Training form in float32 with the weights of the best epoch, giving logits.
        weights: The file of these weights.
        history: Metrics by epoch.
        best_epoch: From 1.
        checkpoints: Files that the recipe asked to keep.
        precision: Keras dtype policy that the training ran in.
    """

    model: Any
    weights: Path
    history: dict[str, list[float]]
    best_epoch: int
    checkpoints: tuple[Path, ...]
    precision: str

    @property
    def best_metrics(self) -> dict[str, float]:
        """The best epoch's metrics."""
        return {name: values[self.best_epoch - 1] for name, values in self.history.items()}


def fit(
    recipe: Recipe,
    classes: int,
    train: Images,
    validation: Images,
    *,
    directory: Path,
    log: Callable[[dict[str, float], int], None],
    progress: Progress,
) -> Fitted:
    """Train to the end or until early stopping, and give the best epoch's network.

    Args:
        recipe: What to do.
        classes: Number of classes.
        train: Trained on.
        validation: Decides which epoch is best.
        directory: Where weights and logs are written.
        log: Called with each epoch's metrics and its number, from 1.
        progress: What the person sees.
    """
    precision = resolve_precision(recipe.precision)
    progress.say(f"computing in {precision} on {_devices()}")
    spec = recipe.spec()
    with dtype_policy(precision):
        model = spec.build(num_classes=classes)
    steps = steps_per_epoch(train.store, recipe.batch_size)
    _compile(model, recipe, steps)
    metrics = EpochMetrics(log, images=len(train.store.readable))
    shown = FitProgress(progress, epochs=recipe.epochs, steps=steps, batch_size=recipe.batch_size)
    monitor = recipe.early_stopping.monitor if recipe.early_stopping else "val_loss"
    try:
        model.fit(
            _training_data(recipe, train, steps),
            validation_data=_validation_data(recipe, validation),
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the batches come in their final order
            callbacks=[*_averaging(recipe), metrics, *_kept(recipe, monitor, directory), shown],
            verbose=0,
        )
    except tf.errors.OpError as error:
        raise _in_words(error) from error
    finally:
        shown.close()
    values = metrics.history[monitor]
    best = (min if monitor == "val_loss" else max)(values)
    return Fitted(
        model=_best_model(spec, classes, directory / BEST_WEIGHTS),
        weights=directory / BEST_WEIGHTS,
        history=metrics.history,
        best_epoch=values.index(best) + 1,
        checkpoints=tuple(sorted((directory / "checkpoints").glob("*"))),
        precision=precision,
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


def _compile(model: Any, recipe: Recipe, steps: int) -> None:
    optimizer = build_optimizer(
        recipe.optimizer, recipe.schedule, epochs=recipe.epochs, steps_per_epoch=steps
    )
    model.compile(
        optimizer=optimizer,
        loss=SmoothedCrossEntropy(recipe.label_smoothing),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        # XLA was slower than the plain graph for training on CPUs, and takes long to warm up
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )


def _training_data(recipe: Recipe, train: Images, steps: int) -> tf.data.Dataset:
    mean, std = normalisation(recipe)
    return training_batches(
        train.store,
        train.split.labels,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        augmentation=recipe.augmentation,
        mean=mean,
        std=std,
        total_steps=recipe.epochs * steps,
    )


def _validation_data(recipe: Recipe, validation: Images) -> tf.data.Dataset:
    mean, std = normalisation(recipe)
    return evaluation_batches(
        validation.store,
        validation.split.labels,
        batch_size=recipe.batch_size,
        mean=mean,
        std=std,
    )


def _averaging(recipe: Recipe) -> list[keras.callbacks.Callback]:
    return [AverageWeights(recipe.ema)] if recipe.ema else []


def _kept(recipe: Recipe, monitor: str, directory: Path) -> list[keras.callbacks.Callback]:
    """What is kept of the fit: best weights, and the files that the recipe asks for."""
    mode = "min" if monitor == "val_loss" else "max"
    callbacks = keras.callbacks
    kept: list[keras.callbacks.Callback] = [
        callbacks.ModelCheckpoint(
            directory / BEST_WEIGHTS,
            monitor=monitor,
            mode=mode,
            save_best_only=True,
            save_weights_only=True,
        )
    ]
    if recipe.early_stopping:
        kept.append(
            callbacks.EarlyStopping(monitor, patience=recipe.early_stopping.patience, mode=mode)
        )
    if recipe.checkpoints:
        kept.append(EpochCheckpoints(directory / "checkpoints", recipe.checkpoints))
    if recipe.tensorboard:
        kept.append(callbacks.TensorBoard(log_dir=str(directory / "tensorboard")))
    return kept


def _best_model(spec: Any, classes: int, weights: Path) -> Any:
    """The network in float32, whatever it was trained in."""
    with dtype_policy("float32"):
        model = spec.build(num_classes=classes)
    model.load_weights(weights)
    return model


def _devices() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "the CPU"
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name or "a GPU") for name in names)
