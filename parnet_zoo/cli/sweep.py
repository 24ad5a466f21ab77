"""`parnet-zoo sweep`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from parnet_zoo.training.sweep_result import SweepResult


class SamplerName(StrEnum):
    """How values are chosen."""

    grid = "grid"
    random = "random"
    tpe = "tpe"


class MetricName(StrEnum):
    """What is best."""

    val_accuracy = "val_accuracy"
    val_loss = "val_loss"


def sweep(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="Recipe file, or the name of a shipped recipe; with --resume, the id of the"
            " sweep's run, without which it is the last one of this folder."
        ),
    ] = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUES",
            help="What is varied; repeatable. Values: A,B,C as --set takes them; or LOW..HIGH,"
            " log:LOW..HIGH or LOW..HIGH:STEP.",
        ),
    ] = None,
    sampler: Annotated[
        SamplerName,
        typer.Option(help="Every combination, drawn ones, or ones learned from the trials so far."),
    ] = SamplerName.grid,
    trials: Annotated[int | None, typer.Option(help="How many; for random and tpe.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the sampler.")] = 0,
    metric: Annotated[
        MetricName, typer.Option(help="What is best, at the epoch whose weights are kept.")
    ] = MetricName.val_accuracy,
    prune: Annotated[
        bool, typer.Option("--prune", help="Give up trials that are far behind the others.")
    ] = False,
    promote: Annotated[
        bool,
        typer.Option(
            "--promote", help="Register the best trial's network, and promote it if it deserves it."
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a sweep that was broken off.")
    ] = False,
    join: Annotated[
        str | None,
        typer.Option(metavar="RUN_ID", help="Take part in a sweep that another process began."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The pictures, in place of the recipe's data.root.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Backbone of all trials.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of each trial.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Height and width in pixels.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Weights to start from, as for train.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="TIME", help="For each trial, e.g. 30m or 2h.")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Only try every stage, on a handful of images.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any field, for all trials, e.g. seed=3; repeatable."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output at the end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Train a recipe with different values, as nested MLflow runs, to see which are best."""
    given: dict[str, Any] = {
        "model": model,
        "epochs": epochs,
        "image_size": image_size,
        "batch_size": batch_size,
        "weights": weights,
        "time": time,
        "smoke": smoke or None,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if resume or join is not None:
        new = bool(over or trials or prune or settings or changes)
        result = _joined(recipe, join, data, resume=resume, new=new, promote=promote, quiet=quiet)
    else:
        result = _begun(
            recipe,
            over or [],
            changes | ({} if data is None else {"data": data}),
            sampler=sampler.value,
            trials=trials,
            seed=seed,
            metric=metric.value,
            prune=prune,
            promote=promote,
            overrides=settings or (),
            quiet=quiet,
        )
    if as_json:
        typer.echo(result.model_dump_json())
    elif not quiet:
        from parnet_zoo.cli.sweep_table import sweep_table

        sys.stderr.flush()
        typer.echo(sweep_table(result))


def _joined(
    recipe: str | None,
    join: str | None,
    data: Path | None,
    *,
    resume: bool,
    new: bool,
    promote: bool,
    quiet: bool,
) -> SweepResult:
    from parnet_zoo.errors import UsageError
    from parnet_zoo.training.join_sweep import join_sweep

    if new:
        raise UsageError(
            "a sweep goes on as it began: with --resume or --join there are only --data, --promote,"
            " --json and --quiet"
        )
    if join is not None and (resume or recipe is not None):
        raise UsageError("write either --join RUN_ID or --resume [RUN_ID], and no recipe")
    return join_sweep(join or recipe, data=data, promote=promote, quiet=quiet)


def _begun(
    recipe: str | None, over: list[str], changes: dict[str, Any], **options: Any
) -> SweepResult:
    from parnet_zoo.cli.as_typed import as_typed
    from parnet_zoo.errors import UsageError
    from parnet_zoo.recipe import RecipeError
    from parnet_zoo.training.sweep import sweep as run

    if recipe is None:
        raise UsageError("which recipe? parnet-zoo sweep RECIPE --over FIELD=VALUES")
    try:
        return run(recipe, over, **options, **changes)
    except RecipeError as error:
        raise as_typed(error, changes) from error
