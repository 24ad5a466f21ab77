"""`parnet-zoo backbones list | show | convert`."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

import registry
from parnet_zoo.cli.convert import convert
from parnet_zoo.cli.reported import reported

FOOTNOTE = (
    "(with 1000 classes, in deploy form where the family has one; - where only building it would"
    " tell; top-1 in percent as published, on ImageNet)"
)

app = typer.Typer(help="The registered networks.", no_args_is_help=True)


def list_backbones(
    pattern: Annotated[str, typer.Argument(help="Names to list, as a glob.")] = "*",
    show_all: Annotated[bool, typer.Option("--all", help="Hidden ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List registered networks, counted from their specs."""
    names = registry.names(pattern, hidden=show_all)
    rows = [_summary(registry.get(name)) for name in names]
    rows.sort(key=_place)
    for origin, reason in registry.broken_plugins().items():
        sys.stderr.write(f"warning: {origin} is broken: {reason}\n")
    if not rows:
        raise registry.UnknownBackboneError(f"no backbone matches {pattern!r}")
    typer.echo(json.dumps({"backbones": rows}) if as_json else _table(rows))


def show_backbone(
    name: Annotated[str, typer.Argument(help="Name of a backbone, or a spec file in YAML.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show all that is known of one network."""
    from parnet_zoo.recipe.spec_document import is_spec_file
    from parnet_zoo.recipe.spec_file import load_spec

    spec = load_spec(name) if is_spec_file(name) else registry.get(name)
    summary, fields = _summary(spec), spec.model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps({**summary, "spec": fields}))
        return
    rest = {key: value for key, value in fields.items() if key not in summary}
    typer.echo(_lines({**summary, "spec": rest}))


def show_schema() -> None:
    """Print the JSON Schema of spec files, for editors that complete and check."""
    typer.echo(json.dumps(registry.schema(), indent=2))


app.command("list")(reported(list_backbones))
app.command("show")(reported(show_backbone))
app.command("schema")(reported(show_schema))
app.command("convert")(reported(convert))


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    """Where a network stands in the list: by family and size, unknown sizes at the end."""
    size = _parameters(row)
    return (size is None, row["family"], size or 0, row["name"])


def _parameters(row: dict[str, Any]) -> int | None:
    """In deploy form, or in training form where that is all there is."""
    known: int | None = row["deploy_parameters"] or row["training_parameters"]
    return known


def _summary(spec: registry.BackboneSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "family": spec.family,
        "resolution": spec.resolution,
        "stride": spec.stride,
        "depth": spec.depth,
        "widths": list(spec.widths),
        **_costs(spec),
        "published_top1": spec.published.top1 if spec.published else None,
        "source": spec.source,
        "limits": spec.limits,
    }


def _costs(spec: registry.BackboneSpec) -> dict[str, int | None]:
    """Parameters and multiply-adds with 1000 classes in both forms; None where not known."""
    costs: dict[str, int | None] = {}
    for form in ("training", "deploy"):
        try:
            cost = spec.cost(form=form)
        except registry.SpecError:
            cost = None
        except (
            Exception
        ) as error:  # somebody else's code; the other networks are listed all the same
            sys.stderr.write(f"warning: {spec.coster} failed for {spec.name}: {error}\n")
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
    return f"{text}\n{FOOTNOTE}"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        _scaled(_parameters(row), 1e6, "M"),
        _scaled(row["deploy_multiply_adds"] or row["training_multiply_adds"], 1e9, "G"),
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
        elif isinstance(value, list) and value:
            lines.append(f"{indent}{name}: {', '.join(map(str, value))}")
        elif value not in (None, "", []):
            shown = f"{value:,}" if name.endswith(("_parameters", "_multiply_adds")) else value
            lines.append(f"{indent}{name}: {shown}")
    return "\n".join(lines)
