"""`parnet-zoo promote`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NOT_PROMOTED = 6
"""Exit code where a version did not deserve it."""


def promote(
    model_uri: Annotated[
        str, typer.Argument(metavar="MODEL_URI", help="models:/NAME/3 or models:/NAME@candidate.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Images to compare on; default: the validation images of the version's own run.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever the gate and the comparison say.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Make a version champion if it passes its gate and beats the champion, measured now.

    Exits with 6 if it does not.
    """
    from parnet_zoo.training.promote import promote as run

    done = run(model_uri, data=data, force=force, quiet=quiet)
    if as_json:
        typer.echo(done.model_dump_json())
    elif not quiet or not done.promoted:
        state = "is champion" if done.promoted else "is not promoted"
        typer.echo(f"version   {done.model_uri} {state}")
        typer.echo(f"why       {done.reason}")
        if done.previous is not None:
            typer.echo(f"previous  models:/{done.name}/{done.previous}")
    if not done.promoted:
        raise typer.Exit(NOT_PROMOTED)
