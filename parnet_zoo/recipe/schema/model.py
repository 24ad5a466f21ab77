"""Which network is trained."""

from pydantic import Field

from parnet_zoo.recipe.schema.scaling import ScalingSection
from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import Line


class ModelSection(Section):
    """The network: a registered backbone, at a resolution, perhaps rescaled."""

    name: Line = Field(
        json_schema_extra={"x-allowed": "the name of a registered backbone"},
        description="Registered backbone, such as `parnet_s`; see `parnet-zoo backbones list`.",
    )
    resolution: int | None = Field(
        default=None,
        ge=8,
        le=4096,
        description="Height and width of the images in pixels, a multiple of the network's stride;"
        " null takes the backbone's own.",
    )
    scaling: ScalingSection | None = Field(
        default=None,
        description="What differs from the registered backbone; null takes it as it is.",
    )
