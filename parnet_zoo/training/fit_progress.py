"""Steps, epochs and the expected finish, shown while a network is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta

from parnet_zoo.training.progress import Progress


class FitProgress:
    """Shows epochs and steps with loss, accuracy, images a second and the time that is left.

    Args:
        progress: Where to show them.
        batch_size: Images a step.
    """

    def __init__(self, progress: Progress, *, batch_size: int) -> None:
        self._progress = progress
        self._batch_size = batch_size
        self._stack = ExitStack()
        self._update: Callable[[int, str], None] = lambda _done, _note: None

    def first_step(self, seconds: float) -> None:
        """Say how long it took until the training was under way."""
        self._progress.say(f"first step after {seconds:.1f} s")

    def begin_epoch(self, epoch: int, epochs: int, steps: int, size: int) -> None:
        """Open an epoch's bar; epochs count from 1."""
        self._stack.close()
        title = f"epoch {epoch}/{epochs} at {size} px"
        self._update = self._stack.enter_context(self._progress.task(title, steps))

    def step(self, done: int, means: Mapping[str, float], rate: float, left: float | None) -> None:
        """Move the bar: steps of the epoch, its means so far, images a second, seconds left."""
        note = f"{_shown(means)}, {rate:.0f} images/s"
        self._update(done, note if left is None else f"{note}, {duration(left)} left")

    def end_epoch(
        self, epoch: int, epochs: int, metrics: Mapping[str, float], spent: float
    ) -> None:
        """Close the bar and write the epoch's line."""
        self._stack.close()
        shown = {name: value for name, value in metrics.items() if "loss" in name or "acc" in name}
        self._progress.say(f"epoch {epoch}/{epochs}: {_shown(shown)}, {spent:.0f} s")

    def expect(self, seconds: float, step_seconds: float) -> None:
        """Say when all will be done."""
        finish = datetime.now().astimezone() + timedelta(seconds=seconds)
        self._progress.say(
            f"expected finish: {finish:%H:%M:%S}, in {duration(seconds)}"
            f" ({step_seconds * 1000:.0f} ms a step of {self._batch_size} images;"
            " early stopping not counted)"
        )

    def close(self) -> None:
        """Close what an exception left open."""
        self._stack.close()


def duration(seconds: float) -> str:
    """A length of time in words, such as `1 h 5 min`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _shown(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
