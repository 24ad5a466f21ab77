"""The scaling spec of ParNet: channels, depth, branches, stem, activation, resolution."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from registry import MAX_NAME, BackboneSpec, SpecError

MAX_BRANCHES = 4
MIN_WIDTH = 2
MAX_WIDTH = 8192
MAX_BLOCKS = 64
MAX_FACTOR = 64
STEM_BLOCKS = 2
PUBLISHED_DEPTHS = (4, 5, 5, 5)
"""Blocks a stream for 1 to 4 branches; the paper's network has the first three."""
WIDTH_MULTIPLE = 8
"""Derived channel counts are rounded to a multiple of this."""
_DIGEST = 12
"""Hexadecimal digits that stand for the rest of a name that would be too long."""


class ScalingSpec(BaseModel):
    """How large one ParNet is. Every field has the paper's meaning (arXiv 2110.07641, section 3).

    Attributes:
        branches: Parallel streams, 1 to 4. Stream b runs at the stem's stride times 2^b.
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    branches: int = Field(default=3, ge=1, le=MAX_BRANCHES)
    channels: tuple[int, ...] = Field(min_length=1, max_length=MAX_BRANCHES)
    final_channels: int = Field(ge=1, le=16384)
    depth: tuple[int, ...] = Field(
        default_factory=lambda fields: PUBLISHED_DEPTHS[: fields.get("branches", 3)],
        min_length=1,
        max_length=MAX_BRANCHES,
    )
    stem: Literal["imagenet", "small"] = "imagenet"
    activation: Literal["silu", "relu"] = "silu"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    in_channels: int = Field(default=3, ge=1, le=64)
    resolution: int = Field(default=224, ge=8, le=4096)

    @field_validator("channels", "depth")
    @classmethod
    def _one_for_each_branch(cls, values: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        branches = info.data.get("branches")
        if branches is None:  # itself invalid, and reported as such
            return values
        if len(values) != branches:
            raise ValueError(
                f"{len(values)} given for {branches} branches; one number for each branch is needed"
            )
        return values

    @field_validator("channels")
    @classmethod
    def _widths_fit(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        for width in channels:
            if width % 2 or not MIN_WIDTH <= width <= MAX_WIDTH:
                raise ValueError(
                    f"{width} channels do not fit; each width is an even number from"
                    f" {MIN_WIDTH} to {MAX_WIDTH}, since a fusion works on two halves"
                )
        return channels

    @field_validator("depth")
    @classmethod
    def _depths_fit(cls, depth: tuple[int, ...]) -> tuple[int, ...]:
        for blocks in depth:
            if not 1 <= blocks <= MAX_BLOCKS:
                raise ValueError(f"{blocks} blocks do not fit; a stream has 1 to {MAX_BLOCKS}")
        return depth

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
            raise ValueError(
                f"{resolution} pixels do not fit; this network takes multiples of {stride},"
                f" the nearest are {' and '.join(near)}"
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


class ParNetSpec(BackboneSpec):
    """A ParNet in the registry: its name, its source and its scaling."""

    family: str = "parnet"
    builder: str = "parnet_zoo.networks.parnet:build"
    coster: str | None = "parnet_zoo.networks.cost:cost"
    scaling: ScalingSpec

    @model_validator(mode="before")
    @classmethod
    def _resolution_is_the_scalings(cls, data: Any) -> Any:
        """Keep one resolution: the scaling's."""
        if isinstance(data, dict) and "resolution" not in data:
            scaling = data.get("scaling")
            if isinstance(scaling, ScalingSpec):
                return {**data, "resolution": scaling.resolution}
            if isinstance(scaling, dict) and "resolution" in scaling:
                return {**data, "resolution": scaling["resolution"]}
        return data

    @model_validator(mode="after")
    def _one_resolution(self) -> Self:
        if self.resolution != self.scaling.resolution:
            raise ValueError(
                f"resolution {self.resolution} differs from scaling.resolution"
                f" {self.scaling.resolution}; give it once, in scaling"
            )
        return self

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

    def scaled(self, *, width: float = 1.0, name: str | None = None, **changes: Any) -> Self:
        """Derive a spec: wider, with other branches, at another resolution, or any field changed.

        With other `branches`, channels that are not given follow p_b = p_0 * 2^b and depths
        are the published 4, 5, 5, 5. The final width stays unless it is given or `width` scales it.

        Args:
            width: Factor for all channels; the results are rounded to multiples of 8.
            name: Name of the derived spec; by default the old one plus what changed.
            **changes: Fields of `ScalingSpec`.

        Raises:
            SpecError: The derived spec is not valid; the message says what fits.
        """
        channels = changes.get("channels")
        if "branches" not in changes and isinstance(channels, list | tuple) and channels:
            changes["branches"] = len(channels)
        old = self.scaling
        fields = {**_plain(old, width, changes.get("branches")), **changes}
        with _as_spec_errors(self.name):
            scaling = ScalingSpec.model_validate(fields)
            if scaling == old and name is None:
                return self
            return type(self)(
                name=_derived_name(self.name, width, old, scaling) if name is None else name,
                family=self.family,
                builder=self.builder,
                coster=self.coster,
                source=f"derived from {self.name}",
                scaling=scaling,
            )


def _plain(old: ScalingSpec, width: float, branches: Any) -> dict[str, Any]:
    """The fields that width and branches alone lead to, not validated."""
    fields = {**old.model_dump(), **_rescaled_widths(old, width)}
    if isinstance(branches, int) and branches != old.branches and 1 <= branches <= MAX_BRANCHES:
        first = fields["channels"][0]
        fields["branches"] = branches
        fields["channels"] = tuple(first * 2**b for b in range(branches))
        fields["depth"] = PUBLISHED_DEPTHS[:branches]
    return fields


def _rescaled_widths(old: ScalingSpec, width: float) -> dict[str, Any]:
    if width == 1.0:
        return {}
    if not isinstance(width, int | float) or not 0 < width <= MAX_FACTOR:
        raise SpecError(f"width {width!r} does not fit; it is a factor between 0 and {MAX_FACTOR}")

    def rounded(channels: int) -> int:
        return max(WIDTH_MULTIPLE, round(channels * width / WIDTH_MULTIPLE) * WIDTH_MULTIPLE)

    return {
        "channels": tuple(map(rounded, old.channels)),
        "final_channels": rounded(old.final_channels),
    }


def _derived_name(base: str, width: float, old: ScalingSpec, new: ScalingSpec) -> str:
    """The base's name and what changed: width, branches, and all that does not follow from them.

    Width, branches and the rest can be read off it again, so no two scalings share a name.
    """
    plain = _plain(old, width, new.branches)
    parts = [f"w{_digits(width)}"] if width != 1.0 else []
    if new.branches != old.branches:
        parts.append(f"b{new.branches}")
    told = {
        "channels": "c" + "-".join(map(str, new.channels)),
        "final_channels": f"f{new.final_channels}",
        "depth": "d" + "-".join(map(str, new.depth)),
        "stem": f"stem-{new.stem}",
        "activation": new.activation,
        "dropout": f"drop{_digits(new.dropout)}",
        "in_channels": f"in{new.in_channels}",
        "resolution": f"r{new.resolution}",
    }
    parts += [part for field, part in told.items() if getattr(new, field) != plain[field]]
    name = "+".join([base, *parts])
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: MAX_NAME - _DIGEST - 1]}+{digest}"


def _digits(number: float) -> str:
    """The number as short as it can be said without taking it for another."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


@contextmanager
def _as_spec_errors(name: str) -> Iterator[None]:
    """Turn what pydantic says into one sentence about the spec of that name."""
    try:
        yield
    except ValidationError as error:
        sentences = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise SpecError(f"{name}: " + "; ".join(sentences)) from error
