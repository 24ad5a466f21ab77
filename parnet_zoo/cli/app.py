"""The commands of parnet-zoo."""

from __future__ import annotations

from typing import Annotated

import typer

from parnet_zoo.cli import backbones, data, recipes
from parnet_zoo.cli.compare import compare
from parnet_zoo.cli.evaluate import evaluate
from parnet_zoo.cli.new import new
from parnet_zoo.cli.predict import predict
from parnet_zoo.cli.promote import promote
from parnet_zoo.cli.reported import reported
from parnet_zoo.cli.resume import resume
from parnet_zoo.cli.rollback import rollback
from parnet_zoo.cli.sweep import sweep
from parnet_zoo.cli.sync import sync
from parnet_zoo.cli.train import train

EPILOG = (
    "Exit codes: 0 done, 1 unexpected error, 2 wrong recipe or arguments, 3 data missing or"
    " unusable, 4 MLflow store or version not to be had, 5 unreadable image, 6 not promoted,"
    " 130 Ctrl-C, 143 terminated."
)

app = typer.Typer(
    name="parnet-zoo",
    help="ParNet image classifiers, from a folder of pictures to a served model.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(reported(new))
app.command()(reported(train))
app.command()(reported(resume))
app.command()(reported(sweep))
app.command()(reported(predict))
app.command()(reported(evaluate))
app.command()(reported(compare))
app.command()(reported(promote))
app.command()(reported(rollback))
app.command()(reported(sync))
app.add_typer(recipes.app, name="recipes")
app.add_typer(backbones.app, name="backbones")
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("parnet-zoo"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """ParNet image classifiers, from a folder of pictures to a served model."""
    del version  # its callback has done all
