"""How much each class counts in the training loss."""

from typing import Annotated, Literal

from pydantic import Field

from parnet_zoo.recipe.schema.texts import Line

Weight = Annotated[float, Field(gt=0, le=1000)]
ClassWeights = Literal["balanced"] | dict[Line, Weight]
ALLOWED = "balanced, or a section with a number above 0 for some classes by their names, or null"
