"""The facts of a model card, collected at the end of a training."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.folder import Split
from parnet_zoo.evaluation.metrics import confusion
from parnet_zoo.evaluation.report import report
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.card_facts import CardFacts, ClassFacts, FileFacts, SplitFacts
from parnet_zoo.tracking.provenance import installed_versions
from parnet_zoo.training.plan import Plan

_PACKAGES = ("parnet-zoo", "tensorflow", "keras", "mlflow", "onnxruntime", "numpy", "pillow")
_FILES = ("model.onnx", "classifier.json")
_CHUNK = 2**20


def card_facts(
    plan: Plan,
    run_id: str,
    packed: Path,
    *,
    judged: str,
    truth: NDArray[np.int64],
    answers: NDArray[np.int64],
    metrics: Mapping[str, float],
    unreadable: Mapping[str, int],
) -> CardFacts:
    """Collect what the card of a trained network tells.

    Args:
        plan: What was done.
        run_id: MLflow's id of the run.
        packed: The folder with the files that are served.
        judged: The split that the results are of.
        truth: Its labels, (n,).
        answers: What the network says, (n,).
        metrics: The run's last ones, by name.
        unreadable: Images that were left out, by split.
    """
    recipe, folder, spec = plan.recipe, plan.folder, plan.recipe.spec()
    return CardFacts(
        name=recipe.registered_name,
        run_id=run_id,
        backbone=spec.name,
        family=spec.family,
        source=spec.source,
        paper=str(spec.paper or ""),
        limits=spec.limits,
        parameters=plan.cost.parameters if plan.cost else None,
        multiply_adds=plan.cost.multiply_adds if plan.cost else None,
        resolution=spec.resolution,
        resize=recipe.data.resize,
        recipe=recipe.name,
        recipe_digest=recipe.digest,
        description=recipe.description,
        settings=tuple(_settings(recipe).items()),
        smoke=recipe.smoke,
        limit=recipe.data.limit,
        data=folder.root.resolve().name,
        data_digest=folder.digest,
        splits=tuple(
            SplitFacts(split.name, len(split), unreadable.get(split.name, 0), split.origin)
            for split in _splits(plan)
        ),
        test_is_validation=folder.test_is_validation,
        classes=_classes(plan, confusion(truth, answers, len(folder.classes))),
        judged=judged,
        metrics={name: float(v) if isfinite(v) else None for name, v in metrics.items()},
        machine=_machine(),
        files=tuple(_file(packed / name) for name in _FILES),
        versions=_versions(),
        trained=time.strftime("%Y-%m-%d"),
    )


def _splits(plan: Plan) -> list[Split]:
    folder = plan.folder
    return [folder.train, folder.validation, *([folder.test] if folder.test else [])]


def _classes(plan: Plan, matrix: NDArray[np.int64]) -> tuple[ClassFacts, ...]:
    names = plan.folder.classes
    counts = [split.counts(names) for split in _splits(plan)]
    return tuple(
        ClassFacts(
            name=row.name,
            images=tuple(count[row.name] for count in counts),
            precision=row.precision,
            recall=row.recall,
            f1=row.f1,
        )
        for row in report(matrix, names).classes
    )


def _settings(recipe: Recipe) -> dict[str, str]:
    return {
        "network": f"{recipe.spec().name} at {recipe.spec().resolution} px",
        "first weights": _weights(recipe.model.weights),
        "epochs": f"as many as fit into {recipe.time}" if recipe.time else str(recipe.epochs),
        "batch size": str(recipe.batch_size),
        "optimiser": f"{recipe.optimizer.name} at {recipe.optimizer.learning_rate:g}",
        "schedule": recipe.schedule.name,
        "label smoothing": f"{recipe.label_smoothing:g}",
        "moving average of the weights": "none" if recipe.ema is None else f"{recipe.ema:g}",
        "precision": recipe.precision,
        "seed": str(recipe.seed),
    }


def _weights(source: str | None) -> str:
    """Where the training began, without a path of this machine."""
    if source is None:
        return "random"
    known = source.startswith(("runs:/", "models:/"))
    return source if known else f"the file {Path(source).name}"


def _file(path: Path) -> FileFacts:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return FileFacts(path.name, digest.hexdigest(), path.stat().st_size)


def _versions() -> tuple[tuple[str, str], ...]:
    found = installed_versions()
    python = ("python", platform.python_version())
    return (python, *((name, found[name]) for name in _PACKAGES if name in found))


def _machine() -> str:
    """The processor, without the machine's name."""
    kind = platform.processor() or platform.machine()
    return f"{os.cpu_count()} processors, {_model() or kind}"


def _model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else ""
