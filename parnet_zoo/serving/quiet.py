"""MLflow's noise, while a version is logged or loaded."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def quiet(**environment: str) -> Iterator[None]:
    """Drop what MLflow prints inside the `with`: what matters in it is raised.

    That is its log lines below ERROR, Python warnings, progress bars, and what it writes past its
    loggers (the last only until MLflow loads a model, which switches such lines on). Who sets
    MLFLOW_LOGGING_LEVEL wants to see the log lines, and does.

    Args:
        environment: Variables to set as well for that time.
    """
    stream = import_module("mlflow.utils.logging_utils").MLFLOW_LOGGING_STREAM
    logger = logging.getLogger("mlflow")
    level, enabled = logger.level, stream.enabled
    with warnings.catch_warnings(), _environment(environment):
        warnings.simplefilter("ignore")
        if not os.environ.get("MLFLOW_LOGGING_LEVEL"):
            logger.setLevel(logging.ERROR)
            stream.enabled = False
        try:
            yield
        finally:
            stream.enabled = enabled
            logger.setLevel(level)


@contextmanager
def _environment(values: dict[str, Any]) -> Iterator[None]:
    values = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", **values}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
