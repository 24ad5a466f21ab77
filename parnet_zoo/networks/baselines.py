"""Networks of keras.applications to compare with: the same recipes, the same tracking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from registry import BackboneSpec, PublishedResult

Architecture = Literal["ResNet50", "MobileNetV3Large", "MobileNetV3Small", "EfficientNetV2B0"]

STRIDE = 32
SMALLEST = 32
"""Height and width in pixels that keras.applications takes at least."""
LIMITS = (
    "a baseline is drawn by keras.applications as it is there: no scaling, no deploy form, no"
    " freezing by stage, and no cost before it is built"
)


class BaselineSpec(BackboneSpec):
    """A network of keras.applications, with random weights and one head for all of them.

    Its own preprocessing is left out: pixels are normalised by the input pipeline, as for every
    other family.

    Attributes:
        architecture: The function of keras.applications that draws it.
        head_units: Width of the dense layer between pooling and logits that MobileNetV3's head has;
            None for heads without.
        dropout: Rate before the logits.
        momentum: Of every BatchNorm's moving statistics. keras.applications has 0.999 in
            MobileNetV3 and 0.99 in ResNet, with which a short training is validated on statistics
            that have hardly moved; here all networks have ParNet's.
        in_channels: Channels of the input image.
    """

    family: str = "baseline"
    builder: str = "parnet_zoo.networks.baseline_network:build"
    limits: str = LIMITS
    resolution: int = Field(default=224, ge=SMALLEST, le=4096)
    architecture: Architecture
    head_units: int | None = Field(default=None, ge=1, le=16384)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    in_channels: int = Field(default=3, ge=1, le=64)

    @property
    def stride(self) -> int:
        """Stride of the last map in pixels; the sides of images need not be multiples of it."""
        return STRIDE

    def fits(self, resolution: int) -> bool:
        """Whether the network takes square images of `resolution` pixels."""
        return resolution >= SMALLEST

    def nearest_resolution(self, resolution: int) -> int:
        """The resolution nearest to `resolution` that the network takes."""
        return max(SMALLEST, resolution)


# name: function, units and dropout of its head, paper, and the top-1 in percent that Keras
# documents for weights of its own: the table of keras.io/api/applications, and for MobileNetV3 the
# documentation of the function
_TABLE: dict[str, tuple[Architecture, int | None, float, str, float]] = {
    "resnet50": ("ResNet50", None, 0.0, "1512.03385", 74.9),
    "mobilenet_v3_large": ("MobileNetV3Large", 1280, 0.2, "1905.02244", 75.6),
    "mobilenet_v3_small": ("MobileNetV3Small", 1024, 0.2, "1905.02244", 68.1),
    "efficientnetv2_b0": ("EfficientNetV2B0", None, 0.2, "2104.00298", 78.7),
}


def specs() -> Iterator[BaselineSpec]:
    """Every built-in baseline."""
    for name, (architecture, head_units, dropout, paper, top1) in _TABLE.items():
        yield BaselineSpec(
            name=name,
            source=f"keras.applications.{architecture}, random weights",
            paper=f"https://arxiv.org/abs/{paper}",
            published=PublishedResult(top1=top1),
            architecture=architecture,
            head_units=head_units,
            dropout=dropout,
        )
