"""`parnet-zoo resume`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def resume(
    run_id: Annotated[
        str | None, typer.Argument(help="The run's id; without it, the last that was interrupted.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no MLflow store; see `train --offline`.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output at the end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Go on with a run of this folder that was interrupted or killed, from its last checkpoint."""
    from parnet_zoo.training.result import TrainResult
    from parnet_zoo.training.resume import resume as go_on

    result = go_on(run_id, quiet=quiet, offline=offline)
    if as_json:
        typer.echo(result.model_dump_json())
    elif not isinstance(result, TrainResult):
        version = f"; it is {result.model_uri}" if result.model_uri else ""
        sys.stderr.write(f"run {result.run_id} is {result.status.lower()} already{version}\n")
    elif not quiet:
        from parnet_zoo.cli.next_steps import next_steps

        sys.stderr.flush()
        typer.echo(next_steps(result))
