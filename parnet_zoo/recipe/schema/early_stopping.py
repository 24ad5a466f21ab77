"""When training stops before its last epoch."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class EarlyStoppingSection(Section):
    """Stop when a metric has not improved for a while."""

    monitor: Literal["val_loss", "val_accuracy"] = Field(
        default="val_loss", description="The validation metric that is watched."
    )
    patience: int = Field(
        default=10, ge=1, le=100_000, description="Epochs without improvement before the stop."
    )
