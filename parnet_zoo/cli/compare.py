"""`parnet-zoo compare`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from parnet_zoo.cli.split_name import SplitOption


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|MODEL_URI...",
            help="Run ids, models:/NAME/3, models:/NAME@champion, or folders.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Pictures to measure the accuracy of all of them on, now."),
    ] = None,
    split: SplitOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Pictures at most, the same number of each class."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="For which each network is timed.")
    ] = 2.0,
    params: Annotated[
        bool, typer.Option("--params", help="Also show the parameters that differ.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw accuracy against milliseconds.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")] = False,
) -> None:
    """Put runs and versions side by side: accuracy, parameters, time on this machine."""
    # Pillow's remarks on odd metadata; what makes a picture unreadable is reported by name.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    from parnet_zoo.training.compare import compare as run

    result = run(
        models,
        data=data,
        split=split.value if split else None,
        limit=limit,
        seconds=seconds,
        plot=plot,
        quiet=quiet,
    )
    if as_json:
        typer.echo(result.model_dump_json())  # writes null where a number is not one
    else:
        from parnet_zoo.cli.comparison_table import print_comparison

        print_comparison(result, params=params)
