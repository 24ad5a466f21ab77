"""On which devices a training runs."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class DistributionSection(Section):
    """One device, or several of one host that share each batch."""

    strategy: Literal["single", "mirrored"] = Field(
        default="single",
        description="`single`: the first GPU, or the processor; `mirrored`: a copy of the network"
        " on each GPU, which share every batch (TensorFlow's MirroredStrategy).",
    )
    devices: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="How many devices `mirrored` takes; null: all. Without GPUs, so many logical"
        " devices of the processor, to try it.",
    )
    sync_batch_norm: bool = Field(
        default=False,
        description="Whether batch normalisation in training takes its statistics from the whole"
        " batch; without it, each device from its own part.",
    )
