"""What a conversion did."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from parnet_zoo.networks.checkpoints.key_report import KeyReport


class Conversion(BaseModel):
    """A checkpoint of somebody else's code, and the Keras file that was made of it.

    Attributes:
        source: The checkpoint.
        sha256: Of its bytes, in hexadecimal.
        format: "authors" (PyTorch) or "blog" (Keras 2).
        target: The file that was written.
        spec_file: The network's spec as YAML, where the command wrote one; it does so for a network
            that is not registered.
        network: Name of the spec: a registered one, or a derived one that says what differs.
        base: The registered spec that it is or is derived from.
        changes: Fields of the base's scaling that differ.
        spec: The whole spec, as `registry.from_mapping` takes it.
        classes: Of the head in the target.
        head_left_out: Whether that is a fresh head, since the checkpoint's has other classes.
        input_size: Height and width of the images, where the weights fix them (the blog's).
        activation: After every block; the file does not tell it.
        ema: Whether the moving average of the weights was taken.
        keys: What became of the checkpoint's keys.
        epoch: When it was saved, if the file tells.
        arch: What its network was called, if the file tells.
        note: What else is to be known.
    """

    model_config = ConfigDict(frozen=True)

    source: Path
    sha256: str
    format: Literal["authors", "blog"]
    target: Path
    spec_file: Path | None = None
    network: str
    base: str
    changes: dict[str, Any]
    spec: dict[str, Any]
    classes: int
    head_left_out: bool
    input_size: int | None
    activation: str
    ema: bool
    keys: KeyReport
    epoch: int | None = None
    arch: str | None = None
    note: str = ""
