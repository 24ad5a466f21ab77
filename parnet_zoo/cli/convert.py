"""`parnet-zoo backbones convert`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

import registry
from parnet_zoo.cli.spec_beside import run_with_spec, spec_beside

if TYPE_CHECKING:
    from parnet_zoo.networks.checkpoints.authors_file import Activation
    from parnet_zoo.networks.checkpoints.conversion import Conversion

RGB = 3


def convert(
    checkpoint: Annotated[
        Path,
        typer.Argument(help="A .pth.tar of ParNet's authors, or an .h5 of the blog's Keras port."),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="OUT",
            help="What to write, ending in .keras (the model) or .weights.h5 (its weights).",
        ),
    ],
    activation: Annotated[
        str,
        typer.Option(
            metavar="silu|relu", help="The paper's is silu; the authors' released code ran relu."
        ),
    ] = "silu",
    num_classes: Annotated[
        int | None,
        typer.Option(help="Classes of a fresh head, where not the checkpoint's."),
    ] = None,
    ema: Annotated[bool, typer.Option("--ema", help="Take the weights' moving average.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace OUT and its spec if they exist.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Convert a checkpoint of other code into a Keras file; nothing in it is executed.

    A spec file in YAML is written beside it, unless the network is a registered one.
    """
    from parnet_zoo.networks.checkpoints.convert import ConversionJob
    from parnet_zoo.training.silence import import_quietly

    job = ConversionJob.checked(
        checkpoint,
        to,
        activation=cast("Activation", activation),  # `checked` refuses any other
        num_classes=num_classes,
        ema=ema,
        force=force,
    )
    spec_file = spec_beside(job, force=force)
    if not quiet:
        sys.stderr.write("loading TensorFlow\n")
        sys.stderr.flush()
    import_quietly()
    done = run_with_spec(job, spec_file)
    if as_json:
        typer.echo(done.model_dump_json())
    elif not quiet:
        typer.echo("\n".join(_lines(done)))


def _lines(done: Conversion) -> list[str]:
    """What it was, what became of it, and what to type next."""
    described = [
        f"widths {', '.join(map(str, registry.from_mapping(done.spec).widths))}",
        f"blocks {', '.join(map(str, done.spec['scaling']['depth']))}",
        done.activation,
        f"{done.classes} classes" + (" (a fresh head)" if done.head_left_out else ""),
    ]
    if done.input_size is not None:
        described.append(f"images of {done.input_size} px")
    lines = [
        f"checkpoint  {done.source}, {'; '.join(_told(done))}",
        f"network     {done.network}: {'; '.join(described)}",
        f"keys        {done.keys}",
        f"written     {done.target}, {done.target.stat().st_size / 1e6:,.1f} MB",
    ]
    if done.spec_file:
        lines.append(f"spec        {done.spec_file}")
    if done.note:
        lines.append(f"note        {done.note}")
    return [*lines, "", *next_steps(done)]


def _told(done: Conversion) -> list[str]:
    """Where the checkpoint comes from."""
    told = ["of ParNet's authors" if done.format == "authors" else "of the blog's Keras port"]
    if done.ema:
        told.append("moving average of the weights")
    if done.epoch is not None:
        told.append(f"epoch {done.epoch}")
    if done.arch is not None:
        told.append(f"arch {done.arch}")
    return [*told, f"sha256 {done.sha256}"]


def next_steps(done: Conversion) -> list[str]:
    """What to type to go on with the file that was written."""
    steps = []
    if done.spec["scaling"]["in_channels"] == RGB:  # what recipes train with
        steps = [
            "train on (with the name or the file of a recipe):",
            f"  {shlex.join(['parnet-zoo', 'train', 'RECIPE', *_flags(done)])}",
        ]
    build = f"build(num_classes={done.classes}, weights={str(done.target)!r})"
    if done.spec_file is None:
        network, module = f"registry.get({done.network!r})", "parnet_zoo import registry"
    else:
        network = f"load_spec({str(done.spec_file)!r})"
        module = "parnet_zoo.recipe import load_spec"
    return [*steps, f"in Python, after `from {module}`:", f"  model = {network}.{build}"]


def _flags(done: Conversion) -> list[str]:
    """What makes any recipe one of this network, on pixels as it was trained with."""
    network = done.network if done.spec_file is None else str(done.spec_file)
    flags = ["--model", network, "--weights", str(done.target)]
    if done.input_size is not None:
        flags += ["--image-size", str(done.input_size)]
    if done.format == "blog":
        flags += ["--set", "data.normalization=unit"]
    return flags
