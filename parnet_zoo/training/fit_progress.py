"""Steps, epochs and the expected finish, shown while a network is fitted."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import keras

from parnet_zoo.training.progress import Progress

STEPS_BEFORE_ESTIMATE = 20
WARM_UP_STEPS = 3
"""The first steps trace and compile the graph and say nothing about the others."""


class FitProgress(keras.callbacks.Callback):
    """Shows steps and epochs, and the expected finish after the first steps.

    Args:
        progress: Where to show them.
        epochs: Epochs of the whole training.
        steps: Steps an epoch.
        batch_size: Images a step.
    """

    def __init__(self, progress: Progress, *, epochs: int, steps: int, batch_size: int) -> None:
        super().__init__()
        self._progress = progress
        self._epochs = epochs
        self._steps = steps
        self._batch_size = batch_size
        self._epoch = 0
        self._timed = 0
        self._spent = self._epoch_since = 0.0
        self._last: float | None = None
        self._estimated = False
        self._stack = ExitStack()
        self._update: Callable[[int, str], None] = lambda _done, _note: None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the epoch's bar."""
        del logs
        self._epoch = epoch
        self._epoch_since = time.monotonic()
        self._last = None  # between epochs lies a validation
        title = f"epoch {epoch + 1}/{self._epochs}"
        self._update = self._stack.enter_context(self._progress.task(title, self._steps))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar; after the first steps say when all will be done."""
        now = time.monotonic()
        if self._last is not None and (self._epoch or batch >= WARM_UP_STEPS):
            self._timed += 1
            self._spent += now - self._last
        self._last = now
        if not self._estimated and self._timed >= self._steps_to_estimate():
            self._estimated = True
            self._say_finish(batch + 1)
        rate = (batch + 1) * self._batch_size / max(now - self._epoch_since, 1e-9)
        self._update(batch + 1, f"{_shown(logs or {})}, {rate:.0f} images/s")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the bar and write the epoch's line."""
        self._stack.close()
        seconds = time.monotonic() - self._epoch_since
        self._progress.say(
            f"epoch {epoch + 1}/{self._epochs}: {_shown(logs or {})}, {seconds:.0f} s"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close what is open."""
        del logs
        self._stack.close()

    def close(self) -> None:
        """Close what an exception left open."""
        self._stack.close()

    def _steps_to_estimate(self) -> int:
        return max(1, min(STEPS_BEFORE_ESTIMATE, self._epochs * self._steps // 4))

    def _say_finish(self, done: int) -> None:
        seconds_a_step = self._spent / self._timed
        left = (self._epochs - self._epoch) * self._steps - done
        seconds = left * seconds_a_step
        finish = datetime.now().astimezone() + timedelta(seconds=seconds)
        self._progress.say(
            f"expected finish of training: {finish:%H:%M:%S}, in {_duration(seconds)}"
            f" ({seconds_a_step * 1000:.0f} ms a step of {self._batch_size} images;"
            " validation and early stopping not counted)"
        )


def _shown(logs: dict[str, Any]) -> str:
    return ", ".join(f"{name} {float(value):.4f}" for name, value in logs.items())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
