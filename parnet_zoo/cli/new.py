"""`parnet-zoo new`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from parnet_zoo.training.new_recipe import NewRecipe


def new(
    data: Annotated[
        Path,
        typer.Option(
            help="The pictures: a folder with train/CLASS/* and perhaps test/CLASS/* in it, or"
            " anything else that data.root takes."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write; NAME.yaml in the current folder without it.")
    ] = None,
    time: Annotated[
        str, typer.Option(help="Time for the whole training, such as 30m, 2h or 1h30m.")
    ] = "1h",
    name: Annotated[
        str | None, typer.Option(help="Name of the recipe; that of the folder without it.")
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="VERSION",
            help="Registered version to go on from, models:/NAME/3 or models:/NAME@champion;"
            " without it, one is looked for where pictures are few.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Write a commented recipe that fits your pictures and this machine."""
    from parnet_zoo.training.new_recipe import new_recipe

    written = new_recipe(
        data, out=out, time=time, name=name, start_from=start_from, force=force, quiet=quiet
    )
    if as_json:
        typer.echo(written.model_dump_json())
        return
    if not quiet:
        sys.stderr.write(f"{_told(written)}\n")
        sys.stderr.flush()
    typer.echo(written.command)


def _told(written: NewRecipe) -> str:
    """The choices that matter most, and where the others are."""
    shown = ("model.name", "model.resolution", "model.weights", "epochs", "batch_size")
    reasons = {choice.field: choice for choice in written.choices}
    lines = [
        f"  {field:<18}{_shown(reasons[field].value)}: {reasons[field].why}"
        for field in shown
        if field in reasons and reasons[field].why
    ]
    return "\n".join(
        [*lines, f"wrote {written.path}, with a reason at every choice; train it with"]
    )


def _shown(value: Any) -> str:
    return "random" if value is None else str(value)
