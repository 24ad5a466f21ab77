"""How the learning rate changes."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class ScheduleSection(Section):
    """The learning rate's way through the training."""

    name: Literal["constant", "exponential", "step", "cosine", "one_cycle"] = Field(
        default="constant",
        description="`constant`; `exponential`: times `decay` after every epoch; `step`: times"
        " `decay` after every `every_epochs` epochs; `cosine`: half a cosine wave from the full"
        " rate down to `final`, over the steps after the warm-up; `one_cycle`: from `start` up to"
        " the full rate until `peak`, then down to `final`, each half a cosine wave.",
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
        description="Factor on the rate; `exponential` and `step` need it, the others refuse it.",
    )
    every_epochs: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Epochs from one step to the next; `step` needs it, the others refuse it.",
    )
    start: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="First rate of `one_cycle`, as a part of the full one; null means 0.04.",
    )
    peak: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Part of the training at which `one_cycle` is at the full rate; null means"
        " 0.3.",
    )
    final: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Last rate of `cosine` and `one_cycle`, as a part of the full one; null means"
        " 0.",
    )
    head_epochs: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="First epochs in which only the head is trained, and the backbone stays as it"
        " is; less than `epochs`.",
    )
