"""What a network of this family is, as data."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from registry import BackboneSpec, SpecError, validated

MAX_FACTOR = 64
Width = Annotated[int, Field(ge=1, le=1024)]


class ExampleCnnSpec(BackboneSpec):
    """A chain of stages, each a 3x3 convolution of stride 2, BatchNorm and ReLU.

    Attributes:
        channels: Channels of each stage; none has fewer than the one before it.
        dropout: Rate before the classifier.
        in_channels: Channels of the input image.
    """

    family: str = "example_cnn"
    builder: str = "parnet_zoo_example.network:build"
    coster: str | None = "parnet_zoo_example.cost:cost"
    resolution: int = Field(default=32, ge=8, le=1024)
    channels: tuple[Width, ...] = Field(min_length=1, max_length=6)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    in_channels: int = Field(default=3, ge=1, le=64)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if list(self.channels) != sorted(self.channels):
            raise ValueError("no stage has fewer channels than the one before it")
        if not self.fits(self.resolution):
            raise ValueError(
                f"{self.resolution} pixels do not fit; {len(self.channels)} stages take multiples"
                f" of {self.stride}, the nearest is {self.nearest_resolution(self.resolution)}"
            )
        return self

    @property
    def stride(self) -> int:
        """Every stage halves the image."""
        return 1 << len(self.channels)

    @property
    def depth(self) -> int:
        """One convolution a stage, and the classifier."""
        return len(self.channels) + 1

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the stages."""
        return self.channels

    @property
    def stages(self) -> dict[str, int]:
        """What can be frozen, with its trainable parameters: kernel, and BatchNorm's two."""
        pairs = zip((self.in_channels, *self.channels), self.channels, strict=False)
        return {f"stage_{n}": 9 * a * b + 2 * b for n, (a, b) in enumerate(pairs, start=1)}

    def scaled(self, *, width: float = 1.0, name: str | None = None, **changes: Any) -> Self:
        """Derive a spec: all channels times `width`, and any field changed.

        Raises:
            SpecError: The derived spec is not valid.
        """
        if not isinstance(width, int | float) or not 0 < width <= MAX_FACTOR:
            raise SpecError(f"{self.name}: width {width!r} is no factor from 0 to {MAX_FACTOR}")
        old = self.model_dump()
        told = [f"w{width:g}"] if width != 1.0 else []
        told += [_said(field, value) for field, value in changes.items() if value != old.get(field)]
        own = {"name": name or "+".join([self.name, *told])}
        wider = {"channels": [round(count * width) for count in self.channels]}
        fields = {**old, **wider, **changes, **own}
        return validated(type(self), fields, self.name)


def _said(field: str, value: Any) -> str:
    """A change as a part of a name, as in `example_cnn_s+channels-8-16`."""
    return "-".join(map(str, [field, *(value if isinstance(value, list | tuple) else [value])]))
