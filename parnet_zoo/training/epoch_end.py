"""What is done with a network and its metrics at the end of an epoch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from parnet_zoo.networks.write_weights import write_weights
from parnet_zoo.recipe import Recipe
from parnet_zoo.recipe.schema.checkpoints import CheckpointsSection
from parnet_zoo.tracking.journal import sync_folder
from parnet_zoo.training.checkpoint_folder import KEPT
from parnet_zoo.training.fit_state import BEST_FILES, FitState
from parnet_zoo.training.kept_weights import KeptWeights, Kind
from parnet_zoo.training.tensorboard_log import TensorBoardLog


class EpochEnd:
    """Keeps the best weights, hands metrics and files on, and decides on an early end.

    Args:
        recipe: What is watched, kept and written.
        model: The network, with what was validated in it.
        directory: Of the run.
        metrics: Called with each epoch's metrics and its number, from 1.
        checkpoint: Called with each file of weights that the recipe asks for, after the epoch's
            metrics.
        tensorboard: Gets the metrics too, if the recipe asks for it.
        state: As the training begins or goes on.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: Any,
        directory: Path,
        *,
        metrics: Callable[[dict[str, float], int], None],
        checkpoint: Callable[[KeptWeights], None],
        tensorboard: TensorBoardLog | None,
        state: FitState,
    ) -> None:
        self._recipe = recipe
        self._model = model
        self._directory = directory
        self._metrics = metrics
        self._checkpoint = checkpoint
        self._tensorboard = tensorboard
        self._needed = deque([state.best_file], maxlen=KEPT)

    def __call__(self, metrics: dict[str, float], state: FitState) -> None:
        """Do it for the epoch whose metrics are the last of the state's history."""
        self._keep_best(metrics, state)
        self._metrics(metrics, state.epochs)
        if self._tensorboard is not None:
            self._tensorboard.write(metrics, state.epochs - 1)
        stopping = self._recipe.early_stopping
        state.stopped = stopping is not None and state.waited >= stopping.patience
        self._write_checkpoints(metrics, state)

    def saved(self, state: FitState) -> None:
        """Drop files of weights that no checkpoint speaks of any more."""
        self._needed.append(state.best_file)
        for path in self._directory.glob(BEST_FILES):
            if path.name not in self._needed:
                path.unlink(missing_ok=True)

    def _keep_best(self, metrics: Mapping[str, float], state: FitState) -> None:
        """Of equal epochs the first counts; a metric that is no number is never the best."""
        stopping = self._recipe.early_stopping
        monitor = stopping.monitor if stopping else "val_loss"
        score = -metrics[monitor] if monitor == "val_loss" else metrics[monitor]
        if not math.isfinite(score) or (state.best_score is not None and score <= state.best_score):
            state.waited += 1
            return
        name = BEST_FILES.replace("*", f"{state.epochs:06d}")
        write_weights(self._model, self._directory / name)
        sync_folder(self._directory)  # before there is a checkpoint that speaks of it
        state.best_epoch, state.best_score, state.best_file = state.epochs, score, name
        state.waited = 0

    def _write_checkpoints(self, metrics: Mapping[str, float], state: FitState) -> None:
        """Write a file of weights with its metrics in its name, if somebody wants this epoch's."""
        section = self._recipe.checkpoints
        kinds = [] if section is None else list(_wanted(section, state))
        if section is None or not kinds:
            return
        # In a folder of its own: the recipe may give it the name of something that is kept.
        with TemporaryDirectory(dir=self._directory, prefix="unfinished-") as folder:
            path = Path(folder) / section.filename.format(epoch=state.epochs, **metrics)
            if path.name.endswith(".weights.h5"):
                write_weights(self._model, path)
            else:
                self._model.save(path, overwrite=True, include_optimizer=False)
            for kind, keep in kinds:
                self._checkpoint(KeptWeights(path, kind, state.epochs, keep))


def _wanted(section: CheckpointsSection, state: FitState) -> Iterator[tuple[Kind, int | None]]:
    """For what an epoch's weights are kept, and how many of them."""
    if section.every_epochs is not None and state.epochs % section.every_epochs == 0:
        yield "epoch", section.keep
    if section.best and state.best_epoch == state.epochs:
        yield "best", 1
    if section.last and (state.stopped or state.step >= state.total_steps):
        yield "last", 1
