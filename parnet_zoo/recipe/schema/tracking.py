"""Where the run is kept."""

from pydantic import Field

from parnet_zoo.recipe.schema.duration import Duration
from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import Line


class TrackingSection(Section):
    """MLflow's experiment. The store itself is chosen by MLflow's environment variables."""

    experiment: Line | None = Field(
        default=None, description="MLflow experiment; null means the recipe's name."
    )
    system_metrics: bool = Field(
        default=True,
        description="Whether the load of processor, memory, disk, network and GPU is logged.",
    )
    system_metrics_every: Duration = Field(
        default="30s", description="Time from one measurement of the load to the next."
    )
