"""`parnet-zoo rollback`."""

from __future__ import annotations

from typing import Annotated

import typer


def rollback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The registered model.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
) -> None:
    """Make the champion before, the version with the alias `previous`, champion again."""
    from parnet_zoo.training.rollback import rollback as run

    done = run(name)
    if as_json:
        typer.echo(done.model_dump_json())
        return
    typer.echo(f"champion  {done.model_uri}")
    if done.rolled_back is not None:
        typer.echo(f"was       models:/{done.name}/{done.rolled_back}, which keeps no alias")
    if done.previous is not None:
        typer.echo(f"previous  models:/{done.name}/{done.previous}")
