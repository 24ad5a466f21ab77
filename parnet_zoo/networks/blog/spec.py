"""The scaling spec of the blog's network: five widths, three depths, resolution."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator
from pydantic.config import JsonDict

from parnet_zoo.networks.scalable_spec import (
    WIDTH_MULTIPLE,
    Rescaling,
    ScalableSpec,
    check_settings,
    name_of_parts,
)
from parnet_zoo.networks.spec import MAX_WIDTH, STEM_BLOCKS, Blocks, Width, longest_path
from registry import SpecError, validated

STREAMS = 3
BLOG_DEPTHS = (4, 5, 5)
"""Blocks of the three streams in the blog's networks."""
STRIDE = 64
"""Total stride: two stem blocks, then enter blocks or fusions, then the final block, each by 2."""
_FOR_EACH_STREAM: JsonDict = {"minItems": STREAMS, "maxItems": STREAMS}


class BlogScaling(BaseModel):
    """How large one network of the blog's kind is.

    Attributes:
        stem_channels: Channels of the first stem block, c0.
        channels: Channels of the three streams, c1 to c3. The second stem block has c1.
        final_channels: Channels of the last block, c4; the head reads all its pixels.
        depth: Blocks of the three streams.
        activation: After every block; the blog's is SiLU.
        in_channels: Channels of the input image.
        resolution: Height and width in pixels, a multiple of 64. A network with a head takes
            images of this size only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stem_channels: int = Field(default=64, ge=1, le=MAX_WIDTH)
    channels: Annotated[tuple[Width, ...], Strict(False)] = Field(
        json_schema_extra=_FOR_EACH_STREAM
    )
    final_channels: int = Field(ge=1, le=16384)
    depth: Annotated[tuple[Blocks, ...], Strict(False)] = Field(
        default=BLOG_DEPTHS, json_schema_extra=_FOR_EACH_STREAM
    )
    activation: Literal["silu", "relu"] = "silu"
    in_channels: int = Field(default=3, ge=1, le=64)
    resolution: int = Field(default=256, ge=STRIDE, le=4096)

    @field_validator("channels", "depth")
    @classmethod
    def _one_for_each_stream(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(values) != STREAMS:
            raise SpecError(
                f"{len(values)} given for {STREAMS} streams; one number for each stream is needed"
            )
        return values

    @field_validator("resolution")
    @classmethod
    def _resolution_fits(cls, resolution: int) -> int:
        if resolution % STRIDE:
            below = resolution // STRIDE * STRIDE
            raise SpecError(
                f"{resolution} pixels do not fit; this network takes multiples of {STRIDE},"
                f" the nearest are {below} and {below + STRIDE}"
            )
        return resolution


class BlogSpec(ScalableSpec):
    """A network of the blog's kind in the registry."""

    family: str = "parnet_blog"
    builder: str = "parnet_zoo.networks.blog.network:build"
    coster: str | None = "parnet_zoo.networks.blog.cost:cost"
    scaling: BlogScaling

    @property
    def stride(self) -> int:
        """Total stride in pixels."""
        return STRIDE

    @property
    def fixed_resolution(self) -> bool:
        """True: the head reads every pixel of the last map."""
        return True

    @property
    def depth(self) -> int:
        """Layers from pixels to logits: 12 for the blog's networks."""
        # Like ParNet, it has a fusion after each stream but the first, and a block before the first
        # fusion: the longest path is the same.
        return STEM_BLOCKS + longest_path(self.scaling.depth) + 1

    @property
    def widths(self) -> tuple[int, ...]:
        """c0 to c4: the first stem block, the three streams, the final block."""
        scaling = self.scaling
        return (scaling.stem_channels, *scaling.channels, scaling.final_channels)

    @property
    def stages(self) -> dict[str, int]:
        """Trainable parameters of each stage, named as ParNet's are."""
        from parnet_zoo.networks.blog.topology import blog_topology
        from parnet_zoo.networks.stage_parameters import stage_parameters

        return stage_parameters(blog_topology(self.scaling), gate_biases=True)

    def scaled(
        self,
        *,
        width: float = 1.0,
        multiple: int = WIDTH_MULTIPLE,
        name: str | None = None,
        **changes: Any,
    ) -> Self:
        """Derive a spec: wider, at another resolution, or any field changed.

        Args:
            width: Factor for all channels.
            multiple: What the widths so scaled are rounded to a multiple of, an even number.
            name: Name of the derived spec; by default the old one plus what changed.
            **changes: Fields of `BlogScaling`.

        Raises:
            SpecError: The derived spec is not valid; the message says what fits.
        """
        check_settings(self, changes, BlogScaling)
        rescaling = validated(Rescaling, {"width": width, "multiple": multiple}, self.name)
        old = self.scaling
        scaling = validated(BlogScaling, {**_widened(old, rescaling), **changes}, self.name)
        if name is None:
            if scaling == old:
                return self
            name = _derived_name(self.name, rescaling, old, scaling)
        return self.with_scaling(scaling, name)


def _widened(old: BlogScaling, rescaling: Rescaling) -> dict[str, Any]:
    """All fields, those of widths times the factor."""
    return {
        **old.model_dump(),
        "stem_channels": rescaling.rounded(old.stem_channels),
        "channels": tuple(map(rescaling.rounded, old.channels)),
        "final_channels": rescaling.rounded(old.final_channels),
    }


def _derived_name(base: str, rescaling: Rescaling, old: BlogScaling, new: BlogScaling) -> str:
    """The base's name, the width, and all that does not follow from it."""
    plain = _widened(old, rescaling)
    parts = rescaling.name_parts
    told = {
        "stem_channels": f"s{new.stem_channels}",
        "channels": "c" + "-".join(map(str, new.channels)),
        "final_channels": f"f{new.final_channels}",
        "depth": "d" + "-".join(map(str, new.depth)),
        "activation": new.activation,
        "in_channels": f"in{new.in_channels}",
        "resolution": f"r{new.resolution}",
    }
    parts += [part for field, part in told.items() if getattr(new, field) != plain[field]]
    return name_of_parts(base, parts)
