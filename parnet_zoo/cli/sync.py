"""`parnet-zoo sync`."""

from __future__ import annotations

from typing import Annotated

import typer


def sync(
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="MLflow's id of the run, its local id or its folder; else all."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All runs of this folder; so without RUN.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Bring to MLflow what runs of this folder logged offline, or while the store was away."""
    from parnet_zoo.errors import TrackingError, UsageError
    from parnet_zoo.training.sync import sync as run

    if every and run_id is not None:
        raise UsageError(f"either a run ({run_id}) or --all")
    report = run(run_id, quiet=quiet)
    if as_json:
        typer.echo(report.model_dump_json())
    elif not report.runs and not quiet:
        typer.echo("nothing is left in .parnet-zoo/runs", err=True)
    if not report.complete:
        raise typer.Exit(TrackingError.exit_code)
