"""What becomes of the trained model."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.gate import GateSection
from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import Name


class RegisterSection(Section):
    """The registered model that the result becomes a version of."""

    name: Name | None = Field(
        default=None, description="Registered model; null means the recipe's name."
    )
    promote: Literal["never", "if_better"] = Field(
        default="never",
        description="Whether a later version may become `champion`: `never` makes it `candidate`;"
        " `if_better` compares both on the validation data. The first version that passes the gate"
        " is always champion.",
    )
    gate: GateSection = Field(
        default_factory=GateSection,
        description="What a version must reach to become champion, also the first one.",
    )
