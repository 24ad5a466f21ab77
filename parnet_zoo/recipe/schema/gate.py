"""What a version must reach before it can become champion."""

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class GateSection(Section):
    """Bounds that are measured anew on the validation images; null: not asked for."""

    minimum_accuracy: float | None = Field(
        default=None, ge=0, le=1, description="Least top-1 accuracy on the validation images."
    )
    maximum_latency_ms: float | None = Field(
        default=None,
        gt=0,
        description="Longest median time of one image through the served network on this machine,"
        " in milliseconds.",
    )
    maximum_deploy_difference: float | None = Field(
        default=None,
        gt=0,
        description="Largest difference of a probability between the trained and the served form.",
    )
