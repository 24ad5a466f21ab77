"""How training images are varied: strengths only, as data."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator

Brightness = Annotated[float, Field(ge=0, le=10)]
Part = Annotated[float, Field(gt=0, le=1)]
Range = Annotated[tuple[Part, Part], Strict(False)]
_Quotient = Annotated[float, Field(gt=0, le=100)]
Ratio = Annotated[tuple[_Quotient, _Quotient], Strict(False)]


def low_before_high(pair: tuple[float, float] | None) -> tuple[float, float] | None:
    """Refuse a range whose ends are swapped."""
    if pair is not None and pair[0] > pair[1]:
        low, high = pair
        raise ValueError(f"{low:g} is more than {high:g}; give the lower one first")
    return pair


class _Strengths(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ResizedCrop(_Strengths):
    """A random part of the image, blown up to the whole (Szegedy et al. 2015)."""

    area: Range = Field(
        default=(0.35, 1.0), description="Range [low, high] of the part's area, of the image's."
    )
    ratio: Ratio = Field(
        default=(0.75, 4 / 3),
        description="Range [low, high] of the part's width over its height.",
    )

    _ordered = field_validator("area", "ratio")(low_before_high)


class RandAugment(_Strengths):
    """Some operations out of fourteen, each at one strength (Cubuk et al. 2019)."""

    operations: int = Field(default=2, ge=1, le=14, description="Operations an image, one by one.")
    magnitude: float = Field(
        default=9.0, ge=0, le=10, description="Strength of each, from 0 to 10, as the paper has it."
    )
    probability: float = Field(
        default=1.0, ge=0, le=1, description="Part of the images that get any."
    )


class Erasing(_Strengths):
    """A random rectangle filled with noise (Zhong et al. 2017)."""

    probability: float = Field(default=0.25, gt=0, le=1, description="Part of the images.")
    area: Range = Field(
        default=(0.02, 1 / 3),
        description="Range [low, high] of the rectangle's area, of the image's.",
    )
    ratio: Ratio = Field(
        default=(0.3, 3.3), description="Range [low, high] of its width over its height."
    )

    _ordered = field_validator("area", "ratio")(low_before_high)


class ColorJitter(_Strengths):
    """Random changes of colour, in the order in which they stand here."""

    brightness: float = Field(
        default=0.0, ge=0, le=1, description="Pixels times a factor from 1 - this to 1 + this."
    )
    contrast: float = Field(
        default=0.0, ge=0, le=1, description="Likewise, the distance from the mean grey."
    )
    saturation: float = Field(
        default=0.0, ge=0, le=1, description="Likewise, the distance from the pixel's own grey."
    )
    hue: float = Field(
        default=0.0, ge=0, le=0.5, description="Turn of the colour circle, as a part of it."
    )


class Mixing(_Strengths):
    """Pairs of images and of their labels, blended or pasted into each other."""

    mixup: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="alpha of MixUp's Beta distribution (Zhang et al. 2017); 0: no MixUp.",
    )
    cutmix: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="alpha of CutMix's (Yun et al. 2019); 0: no CutMix. With both, each batch gets"
        " one of the two.",
    )
    probability: float = Field(default=1.0, gt=0, le=1, description="Part of the batches.")
    until: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Part of the training after which images are left unmixed.",
    )


class AugmentationSpec(_Strengths):
    """Strength of each random change to a training image; everything is off by default.

    Each amount is the largest: the change is drawn evenly from minus to plus that amount, as Keras'
    ImageDataGenerator does it.
    """

    rotation: float = Field(
        default=0.0, ge=0, le=180, description="Largest turn in degrees, either way."
    )
    width_shift: float = Field(
        default=0.0, ge=0, lt=1, description="Largest shift left or right, as a part of the width."
    )
    height_shift: float = Field(
        default=0.0, ge=0, lt=1, description="Largest shift up or down, as a part of the height."
    )
    shear: float = Field(
        default=0.0, ge=0, lt=90, description="Largest shear angle in degrees, either way."
    )
    zoom: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Largest zoom: each axis is scaled by a factor from 1 - zoom to 1 + zoom.",
    )
    horizontal_flip: bool = Field(
        default=False, description="Whether every second image, at random, is mirrored."
    )
    brightness: Annotated[tuple[Brightness, Brightness], Strict(False)] | None = Field(
        default=None,
        description="Range [low, high] of the factor on all pixels; null leaves them alone.",
    )
    fill: Literal["nearest"] = Field(
        default="nearest",
        description="What fills the border that a change uncovers: the edge pixels.",
    )

    resized_crop: ResizedCrop | None = Field(
        default=None, description="A random part blown up to the whole; null: none."
    )
    color_jitter: ColorJitter | None = Field(
        default=None, description="Random changes of colour; null: none."
    )
    randaugment: RandAugment | None = Field(
        default=None, description="Some operations out of fourteen; null: none."
    )
    erasing: Erasing | None = Field(
        default=None, description="A random rectangle filled with noise; null: none."
    )
    mixing: Mixing | None = Field(default=None, description="MixUp and CutMix; null: neither.")

    _ordered = field_validator("brightness")(low_before_high)
