"""`parnet-zoo register`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(
    directory: Annotated[Path, typer.Argument(help="The run's folder below .parnet-zoo/runs.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Register a trained network whose run lost its MLflow store at the end."""
    from parnet_zoo.training.publish import register as run

    published = run(directory, quiet=quiet)
    if as_json:
        typer.echo(published.model_dump_json())
    elif not quiet:
        typer.echo(f"version   {published.model_uri}, alias {published.alias}")
