"""What every backbone family says about itself, as data."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator

from registry.cost import Cost
from registry.errors import SpecError

MAX_NAME = 120
"""Characters of a backbone's name."""


class PublishedResult(BaseModel):
    """A result that the source reports for a network, on ImageNet-1k."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    top1: float = Field(gt=0, le=100, description="top-1 accuracy in percent")
    parameters_millions: float | None = Field(default=None, gt=0)
    gflops: float | None = Field(
        default=None, gt=0, description="10^9 floating point operations, 2 a multiply-add"
    )


class BackboneSpec(BaseModel):
    """One registered backbone: frozen data that says where to build it.

    A family subclasses this with the fields of its own. Nothing here imports a framework: `builder`
    and `coster` are `"module:function"` strings, imported when they are called.

    Attributes:
        name: What `registry.get` finds it by, e.g. `parnet_s`.
        family: The plugin's name for its kind of network, e.g. `parnet`.
        builder: `"module:function"`; called with `(spec, num_classes=..., **options)`.
        coster: `"module:function"`; called with `(spec, ...)`, returns a `Cost` from the spec.
        resolution: Height and width in pixels that the network was published at.
        source: The paper or repository that defines it.
        published: What that source reports, if anything.
        hidden: Left out of listings unless asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_.+-]*$", max_length=MAX_NAME)
    family: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    builder: str = Field(pattern=r"^[\w.]+:[\w.]+$")
    coster: str | None = Field(default=None, pattern=r"^[\w.]+:[\w.]+$")
    resolution: int = Field(default=224, ge=8, le=4096)
    source: str = ""
    paper: HttpUrl | None = None
    published: PublishedResult | None = None
    hidden: bool = False

    @field_validator("name")
    @classmethod
    def _name_is_one_word(cls, name: str) -> str:
        if "__" in name:
            raise ValueError("a name has no double underscore; use single ones, as in 'parnet_s'")
        return name

    @property
    def stride(self) -> int:
        """Total stride in pixels: height and width must be multiples of it."""
        return 1

    @property
    def depth(self) -> int | None:
        """Layers on the longest path from pixels to logits, where the family defines it."""
        return None

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the network's stages, where the family defines them."""
        return ()

    def fits(self, resolution: int) -> bool:
        """Whether the network takes square images of `resolution` pixels."""
        return resolution >= self.stride and resolution % self.stride == 0

    def nearest_resolution(self, resolution: int) -> int:
        """The resolution nearest to `resolution` that the network takes."""
        return max(self.stride, round(resolution / self.stride) * self.stride)

    def build(self, num_classes: int | None = None, **options: Any) -> Any:
        """Build the Keras model: headless without `num_classes`, else giving logits.

        Args:
            num_classes: Number of classes of the head, or None for the backbone alone.
            **options: What the family's builder takes besides, e.g. `image_shape`.

        Raises:
            SpecError: The builder named by the spec cannot be imported.
        """
        return _imported(self.builder, self.name)(self, num_classes=num_classes, **options)

    def cost(self, **options: Any) -> Cost:
        """Parameters, multiply-adds and activation bytes, from the spec alone.

        Args:
            **options: `resolution`, `num_classes` and `form` ("training" or "deploy").

        Raises:
            SpecError: The family cannot tell its cost without building the network.
        """
        if self.coster is None:
            raise SpecError(
                f"{self.name}: the family {self.family!r} cannot tell its cost without building it"
            )
        cost = _imported(self.coster, self.name)(self, **options)
        if not isinstance(cost, Cost):
            raise SpecError(f"{self.name}: {self.coster} returned {type(cost).__name__}, not Cost")
        return cost

    def scaled(self, **changes: Any) -> Self:
        """A spec derived from this one; families that can be scaled override it.

        Raises:
            SpecError: The family has no scaling rule.
        """
        raise SpecError(
            f"{self.name}: the family {self.family!r} cannot be scaled"
            f" (asked for {', '.join(changes) or 'nothing'})"
        )


def _imported(target: str, name: str) -> Any:
    module, _, function = target.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"{name}: cannot import {target!r}: {error}") from error
