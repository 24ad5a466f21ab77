"""What all parts of a recipe have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a recipe: frozen, with unknown keys refused and types as YAML gives them.

    The text "12" is no number and `yes` is no truth value, but a whole number does where a fraction
    is asked for. Infinity and NaN are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
