"""A check's report as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parnet_zoo.data.check.finding import Finding
    from parnet_zoo.data.check.report import CheckReport

SHOWN = 5
"""Findings of one kind that are listed."""
_PATHS = 4
"""Paths of one finding that are listed."""
_MOST_CLASSES = 40
_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def print_report(report: CheckReport) -> None:
    """Print counts, what the images are like, and what is wrong with them, on standard output."""
    from rich.console import Console
    from rich.text import Text

    # Wide where nobody looks: a log or another program must get whole paths.
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    console.print(_counts(report))
    for line in _facts(report):
        console.print(Text(line))
    kinds = groupby(report.findings, key=lambda finding: (finding.severity, finding.kind))
    for (severity, kind), group in kinds:
        found = list(group)
        console.print()
        head = f"{severity}: {kind.replace('_', ' ')} ({len(found):,})"
        console.print(Text(head, style=_COLOURS[severity]))
        for line in _listed(report, found):
            console.print(Text(f"  {line}"))
    console.print()
    for line in _conclusion(report):
        console.print(Text(line))


def _counts(report: CheckReport) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", overflow="fold")
    for split in report.counts:
        table.add_column(split, justify="right")
    names = sorted({name for classes in report.counts.values() for name in classes})
    for name in names[:_MOST_CLASSES]:
        cells = [_cell(report, split, [name]) for split in report.counts]
        table.add_row(*map(Text, (_plain(name), *cells)))
    if len(names) > _MOST_CLASSES:
        table.add_row(f"and {len(names) - _MOST_CLASSES} more")
    table.add_section()
    totals = [_cell(report, split, names) for split in report.counts]
    table.add_row("all", *totals)
    return table


def _plain(name: str) -> str:
    from parnet_zoo.data.escaped import escaped

    return escaped(name)


def _cell(report: CheckReport, split: str, names: Iterable[str]) -> str:
    """Files of some classes in a split, and how many of them are bad."""
    names = list(names)
    count = sum(report.counts[split].get(name, 0) for name in names)
    bad = sum(report.unreadable[split].get(name, 0) for name in names)
    return f"{count:,}" + (f" ({bad:,} unreadable)" if bad else "")


def _facts(report: CheckReport) -> list[str]:
    lines = []
    if report.sizes:
        sides = ", ".join(
            f"{side} {least:,} to {most:,} (median {middle:,.0f})"
            for side, (least, middle, most) in report.sizes.items()
        )
        lines.append(f"pixels   {sides}")
        lines.append(f"formats  {_numbered(report.formats)}; pixels {_numbered(report.modes)}")
    if report.balance is not None:
        lines.append(f"balance  largest class over smallest: {report.balance:.2f}")
    return lines


def _numbered(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _listed(report: CheckReport, found: Sequence[Finding]) -> list[str]:
    """The first findings of one kind, a line each."""
    lines = []
    for finding in found[:SHOWN]:
        names = [report.named(path) for path in finding.paths[:_PATHS]]
        if len(finding.paths) > _PATHS:
            names.append(f"and {len(finding.paths) - _PATHS} more")
        lines.append(": ".join([*([", ".join(names)] if names else []), finding.sentence]))
    if len(found) > SHOWN:
        lines.append(f"and {len(found) - SHOWN:,} more; --json lists all")
    return lines


def _conclusion(report: CheckReport) -> list[str]:
    lines = []
    if report.moved:
        lines.append(f"{len(report.moved):,} files were moved into quarantine")
    counts = dict.fromkeys(_COLOURS, 0)
    for finding in report.findings:
        counts[finding.severity] += 1
    told = ", ".join(
        f"{count:,} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items()
    )
    left = len(report.remaining("error"))
    mended = f"; errors left: {left:,}" if report.moved and counts["error"] else ""
    return [*lines, f"{report.images:,} images: {told}{mended}"]
