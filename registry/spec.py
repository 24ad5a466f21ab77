"""What every backbone family says about itself, as data."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from numbers import Integral
from os import PathLike
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator

from registry.cost import Cost
from registry.english import found
from registry.errors import FieldProblem, SpecError
from registry.validated import validated

LOADER = "parnet_zoo.networks.weights:load_weights"
"""What fills a built model, of any family, with the weights of a file."""
MAX_NAME = 120
"""Characters of a backbone's name."""


BackboneName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_.+-]*$",
        max_length=MAX_NAME,
        json_schema_extra={
            "x-allowed": "a name of at most 120 characters: a small letter, then small letters,"
            " digits, '_', '.', '+' and '-'"
        },
    ),
]
"""What a backbone is found by."""


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
        limits: One sentence about what the family cannot do, such as a deploy form, and why; empty
            where it can do all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: BackboneName
    family: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    builder: str = Field(pattern=r"^[\w.]+:[\w.]+$")
    coster: str | None = Field(default=None, pattern=r"^[\w.]+:[\w.]+$")
    resolution: int = Field(default=224, ge=8, le=4096, strict=True)
    source: str = ""
    paper: HttpUrl | None = Field(default=None, json_schema_extra={"x-allowed": "a web address"})
    published: PublishedResult | None = None
    hidden: bool = Field(default=False, strict=True)
    limits: str = ""

    @field_validator("name")
    @classmethod
    def _name_is_one_word(cls, name: str) -> str:
        if "__" in name:
            raise ValueError("there is no double underscore in a name; use '_' as in parnet_s")
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

    @property
    def stages(self) -> dict[str, int]:
        """Trainable parameters of each named stage that can be frozen, without the classifier's.

        Empty where the family defines no stages.
        """
        return {}

    @property
    def fixed_resolution(self) -> bool:
        """Whether a network with a head takes images of `resolution` only, once it is built."""
        return False

    def fits(self, resolution: int) -> bool:
        """Whether the network takes square images of `resolution` pixels."""
        return resolution >= self.stride and resolution % self.stride == 0

    def nearest_resolution(self, resolution: int) -> int:
        """The resolution nearest to `resolution` that the network takes."""
        return max(self.stride, round(resolution / self.stride) * self.stride)

    def build(
        self,
        num_classes: int | None = None,
        *,
        weights: str | PathLike[str] | None = None,
        **options: Any,
    ) -> Any:
        """Build the Keras model: headless without `num_classes`, else giving logits.

        Args:
            num_classes: Number of classes of the head, or None for the backbone alone.
            weights: A local file to start from, `.weights.h5` or `.keras`; random without one. A
                head of another class count is left out; the model's `weights_report` says so.
            **options: What the family's builder takes besides, e.g. `image_shape`.

        Raises:
            SpecError: `num_classes` is no whole number of at least 1, or the builder named by the
                spec cannot be imported.
            parnet_zoo.networks.checkpoints.errors.CheckpointError: The file of weights is broken,
                or is of another network.
        """
        if num_classes is not None:
            num_classes = _class_count(num_classes, self.name)
        builder = _imported(self.builder, self.name)
        if weights is None:
            return builder(self, num_classes=num_classes, **options)
        if "weights" in signature(builder).parameters:  # the family has a way of its own
            return builder(self, num_classes=num_classes, weights=weights, **options)
        model = builder(self, num_classes=num_classes, **options)
        _imported(LOADER, self.name)(model, weights)
        return model

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
                f"{self._why()}"
            )
        cost = _imported(self.coster, self.name)(self, **options)
        if not isinstance(cost, Cost):
            raise SpecError(f"{self.name}: {self.coster} returned {type(cost).__name__}, not Cost")
        return cost

    def scaled(self, **changes: Any) -> Self:
        """A spec derived from this one, with a name that says what changed.

        Every network can be set to another `resolution`; families that can be scaled override this.

        Raises:
            SpecError: The network does not take the resolution, or the family has no scaling rule.
        """
        refused = [name for name in changes if name != "resolution"]
        if refused:
            message = f"the family {self.family!r} cannot be scaled{self._why()}"
            raise SpecError.about(self.name, [FieldProblem((refused[0],), message)])
        if not changes or changes["resolution"] == self.resolution:
            return self
        resolution = changes["resolution"]
        fields = {**self.model_dump(), **changes}
        derived = validated(type(self), fields, self.name)
        if not self.fits(derived.resolution):
            message = (
                f"{resolution} pixels do not fit; the nearest that {self.name} takes is"
                f" {self.nearest_resolution(resolution)}"
            )
            raise SpecError.about(self.name, [FieldProblem(("resolution",), message)])
        return validated(type(self), {**fields, "name": f"{self.name}+r{resolution}"}, self.name)

    def _why(self) -> str:
        return f"; {self.limits.rstrip('.')}" if self.limits else ""


def _class_count(classes: Any, name: str) -> int:
    """The number as Python's own, since it becomes part of saved models."""
    if isinstance(classes, bool) or not isinstance(classes, Integral) or classes < 1:
        raise SpecError(
            f"{name}: num_classes is a whole number of at least 1, or None for no head, not"
            f" {found(classes)}"
        )
    return int(classes)


def _imported(target: str, name: str) -> Any:
    module, _, function = target.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"{name}: cannot import {target!r}: {error}") from error
