"""MLflow's start-up noise."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


class _ThisThreadOnly(logging.Filter):
    """Drops noise while our call runs, and leaves other threads alone."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        # Both tell of an error (a traceback, a line for each new try) that is raised as well
        # unless it was overcome: the caller of `quiet` reports it in one sentence.
        if record.name in ("mlflow.store.db.utils", "urllib3.connectionpool"):
            return False
        return record.levelno >= logging.WARNING


@contextmanager
def quiet() -> Iterator[None]:
    """Drop the log lines below WARNING that this thread makes MLflow write inside the `with`.

    Who sets MLFLOW_LOGGING_LEVEL wants to see them, and does.
    """
    import_module("mlflow")  # sets the handlers up
    muffled: list[logging.Filterer] = []
    if not os.environ.get("MLFLOW_LOGGING_LEVEL"):
        muffled = [
            *logging.getLogger("mlflow").handlers,
            logging.getLogger("urllib3.connectionpool"),
        ]
    muffler = _ThisThreadOnly()
    for place in muffled:
        place.addFilter(muffler)
    try:
        yield
    finally:
        for place in muffled:
            place.removeFilter(muffler)
