"""Which network is trained."""

from typing import Annotated

from pydantic import Field, JsonValue, Strict, WithJsonSchema, field_validator

from parnet_zoo.networks.scalable_spec import LARGEST, SMALLEST
from parnet_zoo.recipe.schema.scaling import ScalingSection
from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import FilePath, Line
from parnet_zoo.recipe.weights_source import FORMS, parse_weights_source

WeightsText = Annotated[Line, Field(json_schema_extra={"x-allowed": FORMS})]
# The bounds are left to the network, which can tell the nearest size that it takes.
Side = Annotated[int, WithJsonSchema({"type": "integer", "minimum": SMALLEST, "maximum": LARGEST})]
StageWord = Annotated[
    Line, Field(json_schema_extra={"x-allowed": "a stage such as stem, stream_0 or stream_*"})
]


class ModelSection(Section):
    """The network: a registered backbone or one's own spec, at a resolution, perhaps rescaled."""

    name: Line | None = Field(
        default=None,
        json_schema_extra={"x-allowed": "the name of a registered backbone"},
        description="Registered backbone, such as `parnet_s`; see `parnet-zoo backbones list`.",
    )
    spec: FilePath | dict[str, JsonValue] | None = Field(
        default=None,
        json_schema_extra={"x-allowed": "a path of a spec file, or a spec"},
        description="A network of your own in place of `name`: a YAML file, looked for beside the"
        " recipe, or what would be in it; see [below](#a-network-of-your-own-in-yaml).",
    )
    resolution: Side | None = Field(
        default=None,
        description="Height and width of the images in pixels, a multiple of the network's stride;"
        " null takes the backbone's own.",
    )
    scaling: ScalingSection | None = Field(
        default=None,
        description="What differs from the registered backbone; null takes it as it is.",
    )
    weights: WeightsText | None = Field(
        default=None,
        description="Weights to start from: a file that ends in `.weights.h5` or `.keras`, or the"
        " run that left one, by its id or through a version that was registered from it; null"
        " starts from random ones. The flag `--weights` sets it.",
    )
    freeze: Annotated[tuple[StageWord, ...], Strict(False), Field(max_length=100)] = Field(
        default=(),
        description="Stages whose weights are not trained, such as `[stem, stream_0]`; the"
        " classifier is `head`.",
    )
    freeze_statistics: bool = Field(
        default=True,
        description="Whether the moving statistics of BatchNorm in frozen stages stay as well;"
        " false lets them adapt to the new images.",
    )

    @field_validator("weights")
    @classmethod
    def _weights_have_an_address(cls, weights: str | None) -> str | None:
        if weights is not None:
            parse_weights_source(weights)
        return weights
