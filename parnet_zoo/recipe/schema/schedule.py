"""How the learning rate changes."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class ScheduleSection(Section):
    """The learning rate's way through the training."""

    name: Literal["constant", "exponential", "cosine"] = Field(
        default="constant",
        description="`constant`; `exponential`: times `decay` after every epoch; `cosine`: half a"
        " cosine wave from the full rate to zero, over the steps after the warm-up.",
    )
    warmup_epochs: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="Epochs, also parts of one, in which the rate grows from zero; less than"
        " `epochs`.",
    )
    decay: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Factor on the rate after every epoch; `exponential` needs it, the others"
        " refuse it.",
    )
