"""Weights kept along the way."""

import string
from typing import Self

from pydantic import Field, field_validator, model_validator

from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import Line

FILENAME_FIELDS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
"""What a checkpoint's file name can contain in braces."""
SUFFIXES = (".weights.h5", ".keras")
"""How Keras knows what to write."""
_FORMATS = {"epoch": ("", "d", "02d", "03d", "04d"), "metric": (".2f", ".3f", ".4f", ".5f", ".6f")}


class CheckpointsSection(Section):
    """Weights that stay in MLflow, each as a model of the run, besides what resuming needs."""

    every_epochs: int | None = Field(
        default=1,
        ge=1,
        le=100_000,
        description="Epochs from one checkpoint to the next; null: only what `best` and `last`"
        " say.",
    )
    keep: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="How many of these stay, the newest; null: all.",
    )
    best: bool = Field(
        default=False,
        description="Whether the best epoch so far is kept too, in place of the best before it.",
    )
    last: bool = Field(default=False, description="Whether the last epoch is kept too.")
    filename: Line = Field(
        default="epoch-{epoch:03d}.weights.h5",
        json_schema_extra={"x-allowed": "a file name with {epoch} in it"},
        description="File name, ending in `.weights.h5` or `.keras`, with `{epoch:03d}` and, if"
        " wanted, metrics such as `{loss:.3f}` and `{val_loss:.3f}` in it.",
    )

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if self.every_epochs is None and not (self.best or self.last):
            raise ValueError(
                "nothing would be kept: set every_epochs, best or last, or checkpoints: null"
            )
        return self

    @field_validator("filename")
    @classmethod
    def _names_a_file(cls, filename: str) -> str:
        if not filename.endswith(SUFFIXES):
            raise ValueError(f"the name must end in {' or '.join(SUFFIXES)}")
        if "/" in filename or "\\" in filename:
            raise ValueError("it is a file name in the run's folder; no folder can be given")
        try:
            parts = list(string.Formatter().parse(filename))
        except ValueError as error:
            raise ValueError(f"the braces do not match: {error}") from None
        fields = [(name, spec or "") for _, name, spec, _ in parts if name is not None]
        for (name, spec), conversion in zip(fields, _conversions(parts), strict=True):
            _check_field(name, spec, conversion)
        if "epoch" not in [name for name, _ in fields]:
            raise ValueError("without {epoch} each checkpoint would overwrite the one before it")
        return filename


def _conversions(parts: list[tuple[str, str | None, str | None, str | None]]) -> list[str | None]:
    return [conversion for _, name, _, conversion in parts if name is not None]


def _check_field(name: str, spec: str, conversion: str | None) -> None:
    # str.format would reach into objects ("{epoch.__class__}") and fill memory ("{epoch:999999d}").
    if name not in FILENAME_FIELDS:
        raise ValueError(f"{{{name}}} is not known; allowed: {', '.join(FILENAME_FIELDS)}")
    formats = _FORMATS["epoch" if name == "epoch" else "metric"]
    if spec not in formats or conversion is not None:
        example = f"{{{name}:{formats[-2]}}}"
        raise ValueError(f"{{{name}:{spec}}} is no format for it; write it like {example}")
