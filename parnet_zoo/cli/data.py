"""`parnet-zoo data check | preview | download`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parnet_zoo.cli.reported import reported

if TYPE_CHECKING:
    from parnet_zoo.training.data_download import Downloaded

app = typer.Typer(help="Look at pictures before training on them.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings.")]

UNUSABLE = 3
"""Exit code of a check that found errors."""


def check(
    path: Annotated[
        Path, typer.Argument(help="A folder, list or archive, as data.root of a recipe.")
    ],
    as_json: _Json = False,
    quarantine: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Move files that cannot be read there."),
    ] = None,
    quarantine_duplicates: Annotated[
        bool, typer.Option("--quarantine-duplicates", help="Move spare exact copies there too.")
    ] = False,
    restore: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="First move back what was moved there before."),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw images of every class, suspicious ones framed."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 for warnings too, not for errors only.")
    ] = False,
    quiet: _Quiet = False,
) -> None:
    """Say what is wrong with a set of pictures: unreadable and odd files, duplicates, leaks.

    Exits with 3 if there are errors: images that cannot be read, copies of test images among the
    training images, or a set that training would refuse.
    """
    from parnet_zoo.errors import UsageError
    from parnet_zoo.training.data_check import check_data

    if quarantine_duplicates and quarantine is None:
        raise UsageError("--quarantine-duplicates needs --quarantine DIR")
    report = check_data(
        path,
        quarantine=quarantine,
        quarantine_duplicates=quarantine_duplicates,
        restore_from=restore,
        samples=samples,
        quiet=quiet,
    )
    if as_json:
        typer.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        from parnet_zoo.cli.check_table import print_report

        print_report(report)
    if report.remaining("error") or (strict and report.remaining("warning")):
        raise typer.Exit(UNUSABLE)


def preview(
    recipe: Annotated[
        str, typer.Argument(help="Recipe file, or the name of a shipped recipe, e.g. dogcat.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="The pictures, in place of the recipe's data.root.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any field, e.g. augmentation.rotation=20; repeatable."),
    ] = None,
    epoch: Annotated[
        int | None, typer.Option(help="The first epoch shown; spread over the training if not.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="PNG", help="What to write.")] = Path("preview.png"),
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Draw training images as the network is going to see them, augmented and mixed."""
    from parnet_zoo.training.preview import preview as draw

    done = draw(recipe, out, epoch=epoch, overrides=settings or (), quiet=quiet, data=data)
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False))
    elif not quiet:
        typer.echo(str(done.path))


def download(
    name: Annotated[str, typer.Argument(metavar="dogcat|cifar10", help="Which data set.")],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make; datasets/NAME if not.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="A mirror of the archive.")
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Of the mirror's archive, where that is another one."),
    ] = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Download a public data set as a folder to train on; goes on where a break has left it."""
    from parnet_zoo.training.data_download import download_data

    done = download_data(name, to, url=url, sha256=sha256, quiet=quiet)
    if as_json:
        typer.echo(json.dumps(done.as_dict(), ensure_ascii=False))
    elif not quiet:
        typer.echo("\n".join(_told(done)))


def _told(done: Downloaded) -> list[str]:
    what = "is already there" if done.already_there else "is there"
    lines = [f"{done.name} {what}: {done.folder}"]
    for split, counts in (("train", done.train), ("test", done.test)):
        classes = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        lines.append(f"{split:7}{sum(counts.values()):,}: {classes}")
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in done.dropped.items())
    return [*lines, f"left out: {left_out or 'nothing'}"]


app.command("check")(reported(check))
app.command("preview")(reported(preview))
app.command("download")(reported(download))
