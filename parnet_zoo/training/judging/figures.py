"""Drawing the figures of a run, none of which may cost a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.training.progress import Progress

FOLDER = "figures"


@dataclass(frozen=True)
class Figures:
    """The figures of a run.

    Attributes:
        run: Whose artifacts they become.
        progress: Told of those that fail.
    """

    run: TrackedRun
    progress: Progress

    @contextmanager
    def draw(self, name: str, what: str) -> Iterator[Path]:
        """Draw `figures/NAME.png` inside the `with`, which gives its path; it is then logged.

        A figure that fails is warned of and left out.

        Args:
            name: Of the file, without its ending.
            what: In the warning.
        """
        with self.spared(what):
            path = self.run.directory / f"{name}.png"
            path.unlink(missing_ok=True)  # of a run that was broken off here
            yield path
            if path.is_file():
                self.run.log_artifact(path, FOLDER)

    @contextmanager
    def spared(self, what: str) -> Iterator[None]:
        """Warn of what fails inside the `with`, and go on: the network is trained.

        Args:
            what: In the warning.
        """
        try:
            yield
        except Exception as error:  # whatever it is
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self.progress.warn(f"{what} is left out: {lines[0]}")
