"""A comparison as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from parnet_zoo.training.comparing.comparison import ComparedModel, Comparison

_MINUTE, _HOUR = 60, 3600


def print_comparison(result: Comparison, *, params: bool = False) -> None:
    """Print what was found on standard output; with `params`, where the runs differ too."""
    from rich.console import Console
    from rich.text import Text

    # Wide where nobody looks: a log or another program must get whole lines.
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    console.print(_models(result))
    for line in _remarks(result):
        console.print(Text(line))
    if params:
        console.print(_params(result))


def _table(*columns: str, left: int) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < left else "right", overflow="fold")
    return table


def _models(result: Comparison) -> Table:
    from rich.text import Text

    measured = ["accuracy now"] if result.data else []
    table = _table(
        "", "name", "backbone", "recipe", "px", "test", "validation", *measured, "parameters",
        "multiply-adds", "ms", "images/s", "MB", "trained for",
        left=4,
    )  # fmt: skip
    for row in result.models:
        cells = [
            "*" if row.best else "",
            row.name,
            row.backbone or "-",
            row.recipe or "-",
            _shown(row.resolution, "{:d}"),
            _shown(row.test_accuracy, "{:.4f}"),
            _shown(row.val_accuracy, "{:.4f}"),
            *([_shown(row.accuracy, "{:.4f}")] if result.data else []),
            *_cost(row),
            _shown(row.latency_ms, "{:.2f}"),
            _shown(row.images_per_second, "{:,.0f}"),
            _shown(row.model_bytes and row.model_bytes / 1e6, "{:.1f}"),
            _cpu_time(row.training_cpu_seconds),
        ]
        table.add_row(*map(Text, cells))
    return table


def _cost(row: ComparedModel) -> list[str]:
    mark = " (T)" if row.form == "training" else ""
    scales = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
    cells = []
    for count in (row.parameters, row.multiply_adds):
        scale, letter = next((s for s in scales if (count or 0) >= s[0]), (1.0, ""))
        cells.append("-" if count is None else f"{count / scale:.2f} {letter}{mark}".rstrip())
    return cells


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _cpu_time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


def _remarks(result: Comparison) -> list[str]:
    lines = []
    if any(row.best for row in result.models):
        what = result.by.replace("_", " ").replace("val ", "validation ")
        lines.append(f"* none is faster and at least as good in {what}")
    if result.threads:
        lines.append(
            f"ms: median of one image now, {result.threads} threads, decoding not counted;"
            " images/s: in batches of 16; trained for: processor time"
        )
    if any(row.form == "training" for row in result.models):
        lines.append("(T) of the training form: there is no served network to count")
    if images := result.data:
        lines.append(f"accuracy now: {images.images:,} images of {images.root}, {images.split}")
    return lines


def _params(result: Comparison) -> Table:
    from rich.text import Text

    table = _table("parameter", *(row.name for row in result.models), left=1)
    for name, values in result.params.items():
        table.add_row(Text(name), *(Text("-" if value is None else value) for value in values))
    return table
