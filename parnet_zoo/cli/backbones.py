"""`parnet-zoo backbones list | show`."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

import registry
from parnet_zoo.cli.reported import reported

app = typer.Typer(help="The registered networks.", no_args_is_help=True)


def list_backbones(
    pattern: Annotated[str, typer.Argument(help="Names to list, as a glob.")] = "*",
    show_all: Annotated[bool, typer.Option("--all", help="Hidden ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List registered networks, counted from their specs."""
    rows = [_summary(name) for name in registry.names(pattern, hidden=show_all)]
    rows.sort(key=lambda row: (row["family"], row["deploy_parameters"] or 0, row["name"]))
    for origin, reason in registry.broken_plugins().items():
        sys.stderr.write(f"warning: {origin} is broken: {reason}\n")
    if not rows:
        raise registry.UnknownBackboneError(f"no backbone matches {pattern!r}")
    typer.echo(json.dumps({"backbones": rows}) if as_json else _table(rows))


def show_backbone(
    name: Annotated[str, typer.Argument(help="Name of a backbone.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show all that is known of one network."""
    spec = registry.get(name)
    details = {**_summary(name), "spec": spec.model_dump(mode="json")}
    if as_json:
        typer.echo(json.dumps(details))
        return
    typer.echo(_lines(details))


app.command("list")(reported(list_backbones))
app.command("show")(reported(show_backbone))


def _summary(name: str) -> dict[str, Any]:
    spec = registry.get(name)
    return {
        "name": name,
        "family": spec.family,
        "resolution": spec.resolution,
        "stride": spec.stride,
        "depth": spec.depth,
        "widths": list(spec.widths),
        **_costs(spec),
        "published_top1": spec.published.top1 if spec.published else None,
        "source": spec.source,
    }


def _costs(spec: registry.BackboneSpec) -> dict[str, int | None]:
    """Parameters and multiply-adds with 1000 classes in both forms; None where not known."""
    costs: dict[str, int | None] = {}
    for form in ("training", "deploy"):
        try:
            cost = spec.cost(form=form)
        except registry.SpecError:
            cost = None
        costs[f"{form}_parameters"] = cost.parameters if cost else None
        costs[f"{form}_multiply_adds"] = cost.multiply_adds if cost else None
    return costs


def _table(rows: list[dict[str, Any]]) -> str:
    head = (
        "name",
        "parameters",
        "multiply-adds",
        "resolution",
        "depth",
        "widths",
        "top-1",
        "source",
    )
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return f"{text}\n(deploy form, 1000 classes; top-1 in percent as published, on ImageNet)"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        _scaled(row["deploy_parameters"], 1e6, "M"),
        _scaled(row["deploy_multiply_adds"], 1e9, "G"),
        str(row["resolution"]),
        str(row["depth"] or "-"),
        ",".join(map(str, row["widths"])) or "-",
        "-" if row["published_top1"] is None else f"{row['published_top1']:.2f}",
        row["source"] or "-",
    )


def _scaled(number: int | None, unit: float, suffix: str) -> str:
    return "-" if number is None else f"{number / unit:.2f} {suffix}"


def _lines(details: dict[str, Any], indent: str = "") -> str:
    """Nested fields, one a line."""
    lines = []
    for name, value in details.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", _lines(value, f"{indent}  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{name}: {', '.join(map(str, value))}")
        elif value is not None:
            shown = f"{value:,}" if name.endswith(("_parameters", "_multiply_adds")) else value
            lines.append(f"{indent}{name}: {shown}")
    return "\n".join(lines)
