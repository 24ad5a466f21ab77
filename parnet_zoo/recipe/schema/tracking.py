"""Where the run is kept."""

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import Line


class TrackingSection(Section):
    """MLflow's experiment. The store itself is chosen by MLflow's environment variables."""

    experiment: Line | None = Field(
        default=None, description="MLflow experiment; null means the recipe's name."
    )
