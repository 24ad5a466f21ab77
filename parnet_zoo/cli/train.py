"""`parnet-zoo train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    recipe: Annotated[
        str, typer.Argument(help="Recipe file, or the name of a shipped recipe, e.g. dogcat.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder with train/CLASS/* and perhaps test/CLASS/*.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Backbone, e.g. parnet_m, or a spec file; the recipe's model.scaling is left out."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Height and width in pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Weights to start from: a file, runs:/RUN_ID, models:/NAME/3 or"
            " models:/NAME@champion.",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Train as many epochs as fit into so much time, e.g. 30m or 2h.",
        ),
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Only try every stage, on a handful of images.")
    ] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Ask no MLflow store: all waits in the run's folder for `parnet-zoo sync`.",
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any field, e.g. optimizer.learning_rate=1e-3; repeatable."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output at the end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Train a recipe, track it in MLflow and register the result."""
    from parnet_zoo.cli.as_typed import as_typed
    from parnet_zoo.recipe import RecipeError
    from parnet_zoo.training.run import train as run

    given: dict[str, Any] = {
        "data": data,
        "model": model,
        "epochs": epochs,
        "image_size": image_size,
        "batch_size": batch_size,
        "weights": weights,
        "time": time,
        "smoke": smoke or None,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    try:
        result = run(recipe, overrides=settings or (), quiet=quiet, offline=offline, **changes)
    except RecipeError as error:
        raise as_typed(error, changes) from error
    if as_json:
        typer.echo(result.model_dump_json())  # writes null where a metric is not a number
    elif not quiet:
        from parnet_zoo.cli.next_steps import next_steps

        sys.stderr.flush()
        typer.echo(next_steps(result))
