"""How training images are varied: strengths only, as data."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator

Brightness = Annotated[float, Field(ge=0, le=10)]


class AugmentationSpec(BaseModel):
    """Strength of each random change to a training image; everything is off by default.

    Each amount is the largest: the change is drawn evenly from minus to plus that amount, as Keras'
    ImageDataGenerator does it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

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

    @field_validator("brightness")
    @classmethod
    def _low_is_not_above_high(
        cls, brightness: tuple[float, float] | None
    ) -> tuple[float, float] | None:
        if brightness is not None and brightness[0] > brightness[1]:
            low, high = brightness
            raise ValueError(f"{low:g} is more than {high:g}; give the lower one first")
        return brightness
