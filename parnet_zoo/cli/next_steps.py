"""What to type after a training."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from parnet_zoo.training.result import TrainResult

PORT = 5001
"""Not 5000, where `mlflow ui` listens."""


def next_steps(result: TrainResult) -> str:
    """The run, the version, and commands that work as printed in this folder and environment."""
    uri = result.model_uri
    if result.alias == "champion":
        uri = f"models:/{result.model_name}@champion"
    accuracy = result.metrics.get("test_accuracy")
    reached = "" if accuracy is None else f", test accuracy {accuracy:.4f}"
    return "\n".join(
        [
            "",
            f"run       {result.run_id} of experiment {result.experiment}{reached}",
            f"version   {result.model_uri}, alias {result.alias}",
            "",
            *_environment(result),
            "compare the runs:",
            "  mlflow ui",
            "serve it:",
            f"  mlflow models serve -m {shlex.quote(uri)} --env-manager local --port {PORT}",
            "ask it:",
            f"  parnet-zoo predict {shlex.quote(uri)} IMAGE...",
        ]
    )


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
    shown = shlex.quote(_near(programs))
    if (programs / "activate").exists():
        return ["first, in each new shell:", f"  . {shown}/activate"]
    return ["first, in each new shell:", f"  export PATH={shown}:$PATH"]


def _near(path: Path) -> str:
    """The path from here, where that is the shorter way to say it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on Windows, another drive
        return str(path)
    return str(path) if relative.startswith("..") else relative
