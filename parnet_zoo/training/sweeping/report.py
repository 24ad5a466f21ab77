"""A sweep's trials as a table and a picture among the artifacts of its run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from parnet_zoo.errors import TrackingError
from parnet_zoo.evaluation.figures.sweep_figure import SweepField, SweepPoint, sweep_figure
from parnet_zoo.recipe.yaml_text import yaml_value
from parnet_zoo.tracking.sweep_board import SweepBoard
from parnet_zoo.training.sweep_result import TrialResult
from parnet_zoo.training.sweeping.definition import SweepDefinition
from parnet_zoo.training.sweeping.dimension import Choices, Dimension
from parnet_zoo.training.sweeping.results import SHOWN

CSV, JSON, FIGURE = "trials.csv", "trials.json", "sweep.png"


def write_report(
    board: SweepBoard,
    definition: SweepDefinition,
    rows: Sequence[TrialResult],
    best: TrialResult | None,
) -> None:
    """Log `trials.csv`, `trials.json` and `figures/sweep.png`, in the place of those before.

    A store that is away gets them at the next time: they can be made from the trials' runs at any
    time.
    """
    with TemporaryDirectory(prefix="parnet-zoo-") as temporary, suppress(TrackingError):
        folder = Path(temporary)
        (folder / CSV).write_text(_csv(definition, rows), encoding="utf-8")
        listed = [row.model_dump(mode="json") for row in rows]
        (folder / JSON).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        _draw(definition, rows, best, folder / "figures" / FIGURE)
        board.log_files(folder)


def _csv(definition: SweepDefinition, rows: Sequence[TrialResult]) -> str:
    """One line a trial; texts that a spreadsheet would take for formulas are quoted as texts."""
    fields = [dimension.field for dimension in definition.dimensions]
    shown = [name for name in SHOWN if any(name in row.metrics for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["trial", "state", *fields, definition.metric, *shown, "seconds", "run_id", "failure"]
    writer.writerow(head)
    for row in rows:
        values = [yaml_value(row.values[name]) if name in row.values else "" for name in fields]
        numbers = [row.value, *(row.metrics.get(name) for name in shown), row.seconds]
        writer.writerow(
            [
                row.number,
                row.state,
                *map(_harmless, values),
                *("" if number is None else f"{number:.6g}" for number in numbers),
                row.run_id or "",
                _harmless(row.failure or ""),
            ]
        )
    return text.getvalue()


def _harmless(text: str) -> str:
    is_formula = text[:1] in {"=", "@", "+", "-"} and not text[1:2].isdigit()
    return f"'{text}" if is_formula else text


def _draw(
    definition: SweepDefinition,
    rows: Sequence[TrialResult],
    best: TrialResult | None,
    path: Path,
) -> None:
    points = [
        SweepPoint(
            number=row.number,
            state=row.state,
            value=row.value,
            places=tuple(_place(dim, row) for dim in definition.dimensions),
        )
        for row in rows
        if row.values
    ]
    sweep_figure(
        points,
        [_field(dimension) for dimension in definition.dimensions],
        metric=definition.metric,
        maximise=definition.maximise,
        best=None if best is None else best.number,
        path=path,
    )


def _place(dimension: Dimension, row: TrialResult) -> float:
    value = row.values[dimension.field]
    if isinstance(dimension, Choices):
        return float(dimension.values.index(value))
    return float(value)


def _field(dimension: Dimension) -> SweepField:
    if isinstance(dimension, Choices):
        return SweepField(dimension.field, choices=tuple(map(yaml_value, dimension.values)))
    return SweepField(dimension.field, log=dimension.log)
