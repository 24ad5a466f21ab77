"""What a recipe may change about a registered ParNet."""

from typing import Annotated, Literal

from pydantic import Field, Strict

from parnet_zoo.networks.scalable_spec import MAX_MULTIPLE
from parnet_zoo.networks.spec import MAX_BRANCHES, Blocks, Width
from parnet_zoo.recipe.schema.section import Section


class ScalingSection(Section):
    """Changes to the backbone's scaling spec; what is null stays, or follows from the others.

    The resolution is not among them: it is `model.resolution`. Neither are the image's channels,
    since pictures are read as RGB.
    """

    width: float | None = Field(
        default=None,
        gt=0,
        le=64,
        description="Factor on all channel counts; results are rounded to multiples of `multiple`.",
    )
    multiple: int | None = Field(
        default=None,
        ge=2,
        le=MAX_MULTIPLE,
        multiple_of=2,
        json_schema_extra={"x-allowed": f"an even number from 2 to {MAX_MULTIPLE}, or null"},
        description="What `width` rounds to multiples of; null means 8.",
    )
    branches: int | None = Field(
        default=None, ge=1, le=MAX_BRANCHES, description="Parallel streams."
    )
    channels: (
        Annotated[tuple[Width, ...], Strict(False), Field(min_length=1, max_length=MAX_BRANCHES)]
        | None
    ) = Field(
        default=None,
        description="Channels of each stream, one for each branch; with other `branches` and no"
        " `channels`, each stream has twice the one before it.",
    )
    final_channels: int | None = Field(
        default=None, ge=1, le=16384, description="Channels of the last block."
    )
    depth: (
        Annotated[tuple[Blocks, ...], Strict(False), Field(min_length=1, max_length=MAX_BRANCHES)]
        | None
    ) = Field(default=None, description="Blocks of each stream, one for each branch.")
    stem: Literal["imagenet", "small"] | None = Field(
        default=None,
        description="`imagenet` halves the image twice before the first stream; `small` keeps its"
        " size, for images of about 32 pixels.",
    )
    activation: Literal["silu", "relu"] | None = Field(
        default=None, description="Activation after every block."
    )
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="Dropout rate before the classifier."
    )
