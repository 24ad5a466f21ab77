"""What a person sees of long work: a bar on a terminal, plain lines in a log, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Writes to standard error; standard output belongs to results.

    Args:
        quiet: Show nothing but warnings.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.terminal = not quiet and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Write one or several lines."""
        if not self.quiet:
            self._write(text)

    def warn(self, text: str) -> None:
        """Write a warning, even when quiet."""
        self._write(f"warning: {text}")

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[[int, str], None]]:
        """Follow a piece of work; gives a function to call with (done, note)."""
        if self.terminal:
            with _bar(title, total) as update:
                yield update
        else:
            yield _Lines(self.say, title, total).update

    def _write(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class _Lines:
    """A line now and then, for logs."""

    def __init__(self, say: Callable[[str], None], title: str, total: int) -> None:
        self._say = say
        self._title = title
        self._total = total
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def update(self, done: int, note: str = "") -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            self._say(f"{self._title}: {done}/{self._total} {note}".rstrip())


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int, str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total, note="")

        def update(done: int, note: str = "") -> None:
            progress.update(task, completed=done, note=note)

        yield update
