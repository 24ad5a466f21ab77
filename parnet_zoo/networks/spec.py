"""The scaling spec of ParNet: channels, depth, branches, stem, activation, resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from parnet_zoo.networks.scalable_spec import (
    LARGEST,
    SMALLEST,
    WIDTH_MULTIPLE,
    Rescaling,
    ScalableSpec,
    check_settings,
    digits,
    name_of_parts,
)
from registry import SpecError, validated

MAX_BRANCHES = 4
MIN_WIDTH = 2
MAX_WIDTH = 8192
MAX_BLOCKS = 64
STEM_BLOCKS = 2
PUBLISHED_DEPTHS = (4, 5, 5, 5)
"""Blocks a stream for 1 to 4 branches; the paper's network has the first three."""

Width = Annotated[
    int,
    Field(
        ge=MIN_WIDTH,
        le=MAX_WIDTH,
        multiple_of=2,
        json_schema_extra={"x-allowed": f"an even number from {MIN_WIDTH} to {MAX_WIDTH}"},
    ),
]
"""Channels of a stream; even, since a fusion works on two halves."""
Blocks = Annotated[int, Field(ge=1, le=MAX_BLOCKS)]
"""Blocks of a stream."""


class ScalingSpec(BaseModel):
    """How large one ParNet is. Every field has the paper's meaning (arXiv 2110.07641, section 3).

    Attributes:
        branches: Parallel streams, 1 to 4. Stream b runs at the stem's stride times 2^b. By default
            as many as there are channels given.
        channels: Channels of each stream, one for each branch, narrowest first.
        final_channels: Channels of the last block, which the head averages.
        depth: Blocks of each stream, one for each branch.
        stem: "imagenet" halves the image twice before the first stream; "small" keeps its size, for
            pictures of about 32 pixels.
        activation: After every block. The paper says SiLU; the authors' released code ran ReLU.
        dropout: Rate before the classifier.
        in_channels: Channels of the input image.
        resolution: Height and width in pixels that the network is meant for.
    """

    # A text or a truth value is no number, wherever the data comes from; lists do for tuples.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    branches: int = Field(default=3, ge=1, le=MAX_BRANCHES)
    channels: Annotated[
        tuple[Width, ...], Strict(False), Field(min_length=1, max_length=MAX_BRANCHES)
    ]
    final_channels: int = Field(ge=1, le=16384)
    depth: Annotated[
        tuple[Blocks, ...], Strict(False), Field(min_length=1, max_length=MAX_BRANCHES)
    ] = Field(default_factory=lambda fields: PUBLISHED_DEPTHS[: fields.get("branches", 3)])
    stem: Literal["imagenet", "small"] = "imagenet"
    activation: Literal["silu", "relu"] = "silu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    in_channels: int = Field(default=3, ge=1, le=64)
    resolution: int = Field(default=224, ge=SMALLEST, le=LARGEST)

    @model_validator(mode="before")
    @classmethod
    def _a_branch_for_each_width(cls, data: Any) -> Any:
        if isinstance(data, dict) and "branches" not in data:
            channels = data.get("channels")
            if _says_branches(channels):
                return {**data, "branches": len(channels)}
        return data

    @field_validator("channels", "depth")
    @classmethod
    def _one_for_each_branch(cls, values: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        branches = info.data.get("branches")
        if branches is None:  # itself invalid, and reported as such
            return values
        if len(values) != branches:
            raise SpecError(
                f"{len(values)} given for {branches} branches; one number for each branch is needed"
            )
        return values

    @field_validator("resolution")
    @classmethod
    def _resolution_fits(cls, resolution: int, info: ValidationInfo) -> int:
        branches, stem = info.data.get("branches"), info.data.get("stem")
        if branches is None or stem is None:
            return resolution
        stride = total_stride(branches, stem)
        if resolution % stride:
            below = resolution // stride * stride
            near = [str(size) for size in (below, below + stride) if size]
            nearest = f"is {near[0]}" if len(near) == 1 else f"are {' and '.join(near)}"
            raise SpecError(
                f"{resolution} pixels do not fit; this network takes multiples of {stride}, the"
                f" nearest {nearest}"
            )
        return resolution

    @property
    def stem_channels(self) -> tuple[int, int]:
        """Channels of the two stem blocks."""
        return min(64, self.channels[0]), self.channels[0]

    @property
    def total_stride(self) -> int:
        """Stride of the final block: input sizes are multiples of it."""
        return total_stride(self.branches, self.stem)

    @property
    def total_depth(self) -> int:
        """Blocks on the longest path from pixels to logits, plus the classifier."""
        return STEM_BLOCKS + longest_path(self.depth) + 1


def _says_branches(channels: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(channels, list | tuple) and 1 <= len(channels) <= MAX_BRANCHES


def total_stride(branches: int, stem: str) -> int:
    """Total stride of a network with so many branches: 32 for the published one.

    The streams double the stride from one to the next, and the final block doubles it once more. A
    single branch has no fusion, but still the final block.
    """
    first = 4 if stem == "imagenet" else 1
    return first << branches


def longest_path(depth: tuple[int, ...]) -> int:
    """Blocks on the longest path from the stem to the final block, that one included.

    Stream b is entered after b blocks and left through the fusions b to B-1 and the final block.
    """
    branches = len(depth)
    # A single branch has no merge at all; merge 0 is a plain downsampling block.
    merges = [branches - b if branches > 1 else 0 for b in range(branches)]
    return 1 + max(b + blocks + merges[b] for b, blocks in enumerate(depth))


class ParNetSpec(ScalableSpec):
    """A ParNet in the registry: its name, its source and its scaling."""

    family: str = "parnet"
    builder: str = "parnet_zoo.networks.parnet:build"
    coster: str | None = "parnet_zoo.networks.cost:cost"
    scaling: ScalingSpec

    @property
    def stride(self) -> int:
        """Total stride in pixels."""
        return self.scaling.total_stride

    @property
    def depth(self) -> int:
        """Layers from pixels to logits: 12 for the published networks."""
        return self.scaling.total_depth

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the streams, then of the final block."""
        return (*self.scaling.channels, self.scaling.final_channels)

    @property
    def stages(self) -> dict[str, int]:
        """Trainable parameters of each stage: stem_0, ..., stream_0, ..., merge_0, ..., final."""
        from parnet_zoo.networks.stage_parameters import stage_parameters
        from parnet_zoo.networks.topology import topology

        return stage_parameters(topology(self.scaling), gate_biases=False)

    def scaled(
        self,
        *,
        width: float = 1.0,
        multiple: int = WIDTH_MULTIPLE,
        name: str | None = None,
        **changes: Any,
    ) -> Self:
        """Derive a spec: wider, with other branches, at another resolution, or any field changed.

        With other `branches`, channels that are not given follow p_b = p_0 * 2^b, and depths are
        the first of those there are; where there are too few, the published 4, 5, 5, 5 go on, and
        another network's last depth is repeated. The final width stays unless it is given or
        `width` scales it.

        Args:
            width: Factor for all channels.
            multiple: What the widths so scaled are rounded to a multiple of, an even number.
            name: Name of the derived spec; by default the old one plus what changed.
            **changes: Fields of `ScalingSpec`.

        Raises:
            SpecError: The derived spec is not valid; the message says what fits.
        """
        check_settings(self, changes, ScalingSpec)
        rescaling = validated(Rescaling, {"width": width, "multiple": multiple}, self.name)
        channels = changes.get("channels")
        if "branches" not in changes and _says_branches(channels):
            changes["branches"] = len(channels)
        old = self.scaling
        fields = {**_plain(old, rescaling, changes.get("branches")), **changes}
        scaling = validated(ScalingSpec, fields, self.name)
        if name is None:
            if scaling == old:
                return self
            name = _derived_name(self.name, rescaling, old, scaling)
        return self.with_scaling(scaling, name)


def _plain(old: ScalingSpec, rescaling: Rescaling, branches: Any) -> dict[str, Any]:
    """The fields that widths and branches alone lead to, not validated."""
    channels = tuple(map(rescaling.rounded, old.channels))
    fields = {
        **old.model_dump(),
        "channels": channels,
        "final_channels": rescaling.rounded(old.final_channels),
    }
    if isinstance(branches, int) and branches != old.branches and 1 <= branches <= MAX_BRANCHES:
        fields["branches"] = branches
        fields["channels"] = tuple(channels[0] * 2**b for b in range(branches))
        fields["depth"] = _depths(old.depth, branches)
    return fields


def _depths(old: tuple[int, ...], branches: int) -> tuple[int, ...]:
    """The old depths for another number of branches."""
    published = old == PUBLISHED_DEPTHS[: len(old)]
    more = PUBLISHED_DEPTHS[len(old) :] if published else (old[-1],) * MAX_BRANCHES
    return (*old, *more)[:branches]


def _derived_name(base: str, rescaling: Rescaling, old: ScalingSpec, new: ScalingSpec) -> str:
    """The base's name and what changed: width, branches, and all that does not follow from them.

    Width, branches and the rest can be read off it again, so no two scalings share a name.
    """
    plain = _plain(old, rescaling, new.branches)
    parts = rescaling.name_parts
    if new.branches != old.branches:
        parts.append(f"b{new.branches}")
    told = {
        "channels": "c" + "-".join(map(str, new.channels)),
        "final_channels": f"f{new.final_channels}",
        "depth": "d" + "-".join(map(str, new.depth)),
        "stem": f"stem-{new.stem}",
        "activation": new.activation,
        "dropout": f"drop{digits(new.dropout)}",
        "in_channels": f"in{new.in_channels}",
        "resolution": f"r{new.resolution}",
    }
    parts += [part for field, part in told.items() if getattr(new, field) != plain[field]]
    return name_of_parts(base, parts)
