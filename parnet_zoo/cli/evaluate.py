"""`parnet-zoo evaluate`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from parnet_zoo.cli.split_name import SplitOption


def evaluate(
    model_uri: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_URI",
            help="models:/NAME@champion, models:/NAME/3, runs:/..., a run's id, or a folder.",
        ),
    ],
    data: Annotated[
        Path, typer.Option(help="A folder, list or archive of pictures, as data.root of a recipe.")
    ],
    split: SplitOption = None,
    averaging: Annotated[
        bool,
        typer.Option(
            "--averaging/--no-averaging",
            help="Also average over mirror images and ten crops: 11 more passes an image.",
        ),
    ] = True,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness/--no-robustness",
            help="Also try blur, noise, JPEG and brightness: 16 more passes an image.",
        ),
    ] = True,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Pictures at most, the same number of each class."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of the pictures in metrics and files; FOLDER-SPLIT if not given."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of noise, halves and the choice under --limit.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw classes, reliability, robustness.")
    ] = None,
    log: Annotated[
        bool, typer.Option("--log", help="Keep it with the model's run in MLflow.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Measure a version on pictures: accuracy, classes, calibration, robustness."""
    # Pillow's remarks on odd metadata; what makes a picture unreadable is reported by name.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    from parnet_zoo.training.evaluate import evaluate as run

    result = run(
        model_uri,
        data,
        split=split.value if split else None,
        averaging=averaging,
        robustness=robustness,
        limit=limit,
        name=name,
        seed=seed,
        plot=plot,
        log=log,
        quiet=quiet,
    )
    if as_json:
        typer.echo(result.model_dump_json())  # writes null where a number is not one
    else:
        from parnet_zoo.cli.evaluation_table import print_evaluation

        print_evaluation(result)
