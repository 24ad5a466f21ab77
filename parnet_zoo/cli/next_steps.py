"""What to type after a training."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from parnet_zoo.training.result import TrainResult

PORT = 5001
"""Not 5000, where `mlflow ui` listens."""


def next_steps(result: TrainResult) -> str:
    """The run, the version, and commands that work as printed in this folder and environment."""
    if result.model_version is None:
        return _when_online(result)
    uri = result.model_uri
    if result.alias == "champion":
        uri = f"models:/{result.model_name}@champion"
    example = "IMAGE" if result.example is None else shlex.quote(result.example)
    accuracy = result.metrics.get("test_accuracy")
    reached = "" if accuracy is None else f", test accuracy {accuracy:.4f}"
    return "\n".join(
        [
            "",
            f"run       {result.run_id} of experiment {result.experiment}{reached}",
            f"version   {result.model_uri}, {_alias(result)}{_best_epoch(result)}",
            "",
            *_environment(result),
            "compare the runs (in the page: the experiment, then its training runs):",
            f"  {_comparison()}",
            "serve it:",
            f"  mlflow models serve -m {shlex.quote(uri)} --env-manager local --port {PORT}",
            "ask it:",
            f"  parnet-zoo predict {shlex.quote(uri)} {example}",
        ]
    )


def _when_online(result: TrainResult) -> str:
    example = "IMAGE" if result.example is None else shlex.quote(result.example)
    return "\n".join(
        [
            "",
            f"run       {result.run_id}, trained offline{_best_epoch(result)}",
            "",
            *_environment(result),
            "bring the run to MLflow and register its version, when there is a connection:",
            f"  parnet-zoo sync {result.run_id}",
            "ask its network already:",
            f"  parnet-zoo predict {shlex.quote(_near(Path(result.model_uri)))} {example}",
        ]
    )


def _alias(result: TrainResult) -> str:
    """A trial beside real versions has none, and the log says why."""
    return "no alias" if result.alias is None else f"alias {result.alias}"


def _best_epoch(result: TrainResult) -> str:
    epoch = result.metrics.get("best_epoch")
    return "" if epoch is None else f", weights of epoch {epoch:.0f}"


def _comparison() -> str:
    """How to look at the runs; `mlflow ui` does not heed MLFLOW_TRACKING_URI by itself."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return "mlflow ui"
    address = urlsplit(uri)
    if address.scheme not in ("http", "https"):
        return 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    # Without user and password: the browser asks for them.
    return f"open {address._replace(netloc=address.netloc.rpartition('@')[2]).geturl()}"


def _environment(result: TrainResult) -> list[str]:
    """What the commands need that a new shell in this folder does not have."""
    lines = []
    if os.environ.get("MLFLOW_TRACKING_URI"):
        lines.append(f"with MLFLOW_TRACKING_URI set as now ({result.tracking_uri}),")
    return lines + _activation()


def _activation() -> list[str]:
    """How to put this environment's programs on the path; nothing where they are.

    `mlflow models serve` starts `uvicorn` by its bare name, so a path to `mlflow` is not enough.
    """
    programs = Path(sys.executable).parent
    found = shutil.which("mlflow")
    if not (programs / "mlflow").exists() or (found and Path(found).parent == programs):
        return []
    if (programs / "activate").exists():
        return ["first, in each new shell:", f"  . {shlex.quote(_near(programs))}/activate"]
    # Not relative: programs that are found by it may run in another folder.
    return ["first, in each new shell:", f"  export PATH={shlex.quote(str(programs))}:$PATH"]


def _near(path: Path) -> str:
    """The path from here, where that is the shorter way to say it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on Windows, another drive
        return str(path)
    return str(path) if relative.startswith("..") else relative
