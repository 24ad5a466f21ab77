"""How weights are updated."""

from typing import Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section


class OptimizerSection(Section):
    """The optimiser and its numbers."""

    name: Literal["adam", "adamw", "sgd"] = Field(
        default="adam", description="The optimiser, as Keras has it."
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, le=100, description="Learning rate, before the schedule."
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decoupled weight decay; batch normalisation and biases are left out.",
    )
    momentum: float = Field(default=0.0, ge=0, lt=1, description="Momentum, for `sgd` only.")
    nesterov: bool = Field(
        default=False, description="Whether the momentum is Nesterov's, for `sgd` only."
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="Largest norm of all gradients together; null: no clipping."
    )
