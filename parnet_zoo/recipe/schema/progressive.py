"""Smaller images for the first part of a training."""

from typing import Annotated

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class ProgressiveStage(Section):
    """A part of the training and its resolution."""

    until: float = Field(gt=0, lt=1, description="Part of the training at whose end it ends.")
    resolution: Annotated[
        int, Field(ge=8, le=4096, description="Height and width of the training images in pixels.")
    ]
