"""`parnet-zoo backbones convert`."""

from __future__ import annotations

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import registry

if TYPE_CHECKING:
    from parnet_zoo.networks.checkpoints.conversion import Conversion


class Activation(StrEnum):
    """After every block."""

    silu = "silu"
    relu = "relu"


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
        Activation, typer.Option(help="The paper's is silu; the authors' released code ran relu.")
    ] = Activation.silu,
    num_classes: Annotated[
        int | None,
        typer.Option(min=1, help="Classes of a fresh head, where not the checkpoint's."),
    ] = None,
    ema: Annotated[bool, typer.Option("--ema", help="Take the weights' moving average.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Convert a checkpoint of other code into a Keras file; nothing in it is executed."""
    from parnet_zoo.networks.checkpoints.convert import ConversionJob
    from parnet_zoo.training.silence import import_quietly

    job = ConversionJob.checked(
        checkpoint,
        to,
        activation=activation.value,
        num_classes=num_classes,
        ema=ema,
        force=force,
    )
    if not quiet:
        sys.stderr.write("loading TensorFlow\n")
        sys.stderr.flush()
    import_quietly()
    done = job.run()
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
    from parnet_zoo.recipe.schema.scaling import ScalingSection

    target = str(done.target)
    steps = []
    if done.changes.keys() <= {"resolution", *ScalingSection.model_fields}:
        steps = [
            "train on (with the name or the file of a recipe):",
            f"  parnet-zoo train RECIPE {shlex.join(_flags(done))}",
        ]
    scaled = ", ".join(f"{name}={value!r}" for name, value in done.changes.items())
    spec = f'registry.get("{done.base}")' + (f".scaled({scaled})" if scaled else "")
    return [
        *steps,
        "in Python, after `from parnet_zoo import registry`:",
        f"  model = {spec}.build(num_classes={done.classes}, weights={target!r})",
    ]


def _flags(done: Conversion) -> list[str]:
    """What makes any recipe one of this network."""
    # null first: a recipe may have a scaling of its own
    flags = ["--weights", str(done.target), "--model", done.base, "--set", "model.scaling=null"]
    if done.input_size is not None:
        flags += ["--image-size", str(done.input_size)]
    for name, value in done.changes.items():
        if name != "resolution":
            text = value if isinstance(value, str) else json.dumps(value)
            flags += ["--set", f"model.scaling.{name}={text}"]
    return flags
