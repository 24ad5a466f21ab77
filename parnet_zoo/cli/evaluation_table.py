"""An evaluation as tables."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from parnet_zoo.training.evaluating.evaluation import Evaluation

_MOST_CLASSES = 40


def print_evaluation(result: Evaluation) -> None:
    """Print what was found on standard output: measures, classes, robustness."""
    from rich.console import Console
    from rich.text import Text

    # Wide where nobody looks: a log or another program must get whole lines.
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    data = result.data
    head = (
        f"{result.model_uri} on {data.name}: {data.images:,} images of {len(data.classes)} classes"
    )
    console.print(Text(head, style="bold"))
    console.print(_measures(result))
    console.print(_classes(result))
    if result.robustness:
        console.print(_robustness(result))
    for line in _remarks(result):
        console.print(Text(line))


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _measures(result: Evaluation) -> Table:
    from rich.text import Text

    table = _table("measure", "top-1", "top-5", "log loss", "ECE")
    top5 = "-" if result.top5 is None else f"{result.top5:.4f}"
    numbers = (f"{result.top1:.4f}", top5, f"{result.log_loss:.4f}", f"{result.ece:.4f}")
    table.add_row("as served", *numbers)
    for name, averaged in (("with mirror images", result.flip), ("ten crops", result.ten_crop)):
        if averaged:
            table.add_row(name, f"{averaged.top1:.4f}", "", f"{averaged.log_loss:.4f}", "")
    if found := result.calibration:
        half = f"other half ({found.measured_images:,})"
        table.add_section()
        table.add_row(half, "", "", f"{found.log_loss:.4f}", f"{found.ece:.4f}")
        table.add_row(
            Text(f"  at temperature {found.temperature:.3f}"),
            "",
            "",
            f"{found.log_loss_calibrated:.4f}",
            f"{found.ece_calibrated:.4f}",
        )
    return table


def _classes(result: Evaluation) -> Table:
    from rich.text import Text

    table = _table("class", "precision", "recall", "F1", "images")
    rows = list(result.classes)
    if len(rows) > _MOST_CLASSES:
        rows = sorted(rows, key=lambda row: row.f1)[:_MOST_CLASSES]
    for row in rows:
        scores = (f"{value:.4f}" for value in (row.precision, row.recall, row.f1))
        table.add_row(Text(row.name), *scores, f"{row.images:,}")
    if len(rows) < len(result.classes):
        table.add_row(f"(the {len(rows)} weakest of {len(result.classes):,})")
    table.add_section()
    mean = result.average
    scores = (f"{value:.4f}" for value in (mean.precision, mean.recall, mean.f1))
    table.add_row(mean.name, *scores, f"{mean.images:,}")
    return table


def _robustness(result: Evaluation) -> Table:
    rows = [list(group) for _, group in groupby(result.robustness, key=lambda r: r.corruption)]
    table = _table("top-1 on damaged images", *[""] * (2 * max(len(row) for row in rows)))
    for row in rows:
        cells = [cell for r in row for cell in (f"{r.strength:g}:", f"{r.top1:.4f}")]
        table.add_row(f"{row[0].corruption} ({row[0].unit})", *cells)
    return table


def _remarks(result: Evaluation) -> list[str]:
    lines = [f"images: {result.data.origin}"]
    if found := result.calibration:
        lines.append(
            f"temperature: fitted on {found.fitted_images:,} images drawn by seed {result.seed},"
            f" measured on the other {found.measured_images:,}"
        )
    if result.mean_corrupted_top1 is not None:
        lines.append(f"mean top-1 on damaged images: {result.mean_corrupted_top1:.4f}")
    if bad := len(result.data.unreadable):
        lines.append(f"left out: {bad:,} images that cannot be read")
    return lines
